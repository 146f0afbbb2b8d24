"""Targets of the scorecard: the CSV file that `company.yml` names, as checked objects.

Belongs here: reading and checking the file, which KPIs there are and how each is measured, the
table `settings.kpi_targets`. Does not: measuring them (`mart_kpi_scorecard`).
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import duckdb
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestration.lib.documented_tables import write_documented

if TYPE_CHECKING:
    import pandas as pd

KPI_TARGETS = "settings.kpi_targets"

Kpi = Literal[
    "net_revenue",
    "count_orders",
    "new_customers",
    "average_order_value",
    "repeat_purchase_rate",
    "retention_rate",
    "late_delivery_rate",
    "nps",
    "csat",
    "sla_attainment",
    "first_contact_resolution",
    "complaint_rate",
    "viral_coefficient",
]


class KpiTargetsError(ValueError):
    """The file of targets cannot be used; one line per problem: file, line, column."""


@dataclass(frozen=True)
class KpiKind:
    """How a KPI is measured.

    measure: a `sum`, a `mean`, a `rate` (share of hits), events `per_head` or `nps` (points).
    `accrues`: it grows with the period, so that a running period is held against the share of the
    target that is due by now.
    """

    measure: Literal["sum", "mean", "rate", "per_head", "nps"]
    accrues: bool = False


KPIS: Mapping[Kpi, KpiKind] = {
    "net_revenue": KpiKind("sum", accrues=True),
    "count_orders": KpiKind("sum", accrues=True),
    "new_customers": KpiKind("sum", accrues=True),
    "average_order_value": KpiKind("mean"),
    # The longer the period, the more have come again.
    "repeat_purchase_rate": KpiKind("rate", accrues=True),
    "retention_rate": KpiKind("rate", accrues=True),
    "late_delivery_rate": KpiKind("rate"),
    "nps": KpiKind("nps"),
    "csat": KpiKind("rate"),
    "sla_attainment": KpiKind("rate"),
    "first_contact_resolution": KpiKind("rate"),
    "complaint_rate": KpiKind("rate"),
    # Customers won per customer grow with the days.
    "viral_coefficient": KpiKind("per_head", accrues=True),
}


class KpiTarget(BaseModel):
    """One line of the file: what a KPI shall reach (or not exceed) in a period, and whose it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kpi: Kpi
    phase: str = Field(min_length=1)
    period_start: date
    period_end: date
    target: float = Field(allow_inf_nan=False)
    direction: Literal["at_least", "at_most"]
    owner: str = Field(min_length=1)

    @model_validator(mode="after")
    def _the_period_has_days(self) -> "KpiTarget":
        if self.period_end < self.period_start:
            raise ValueError("period_end lies before period_start")
        return self


COLUMNS = tuple(KpiTarget.model_fields)


def read_kpi_targets(path: Path) -> tuple[KpiTarget, ...]:
    """Read the targets, in the order of the file; empty lines do not count.

    Raises KpiTargetsError with one line per problem: file, line, column, what is allowed.
    """
    try:
        # Spreadsheets put a byte order mark before UTF-8.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            rows = [(reader.line_num, row) for row in reader if any(row.values())]
            header = reader.fieldnames or ()
    except FileNotFoundError:
        raise KpiTargetsError(
            f"{path}: kpi_targets_file names it, but it does not exist; put it there (its path is "
            "relative to company.yml) or set kpi_targets_file: null"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise KpiTargetsError(f"{path}: is not a CSV file in UTF-8: {error}") from error
    if sorted(name.strip() for name in header) != sorted(COLUMNS):
        raise KpiTargetsError(
            f"{path}: line 1: the columns must be {', '.join(COLUMNS)}; "
            f"found {', '.join(header) or 'none'}"
        )
    targets, problems = [], []
    for line, row in rows:
        try:
            targets.append(KpiTarget.model_validate(_cells(row)))
        except ValidationError as error:
            problems += [f"{path}: line {line}: {_problem(found)}" for found in error.errors()]
    problems += _repeated(path, (line for line, _ in rows), targets) if not problems else []
    if problems:
        raise KpiTargetsError("\n".join(problems))
    return tuple(targets)


def _cells(row: Mapping[str | None, Any]) -> dict[str, Any]:
    """Return the cells by column; more cells than columns are named by where they stand."""
    cells = {
        name.strip(): value.strip() for name, value in row.items() if name is not None and value
    }
    return cells | ({"beyond the last column": row[None]} if None in row else {})


def _problem(found: Any) -> str:
    """Return `column: value: what is wrong` of one error that pydantic found."""
    # An error of the whole line is one of its period.
    column = found["loc"][0] if found["loc"] else "period_end"
    if found["type"] == "missing":
        return f"{column}: the cell is empty"
    if column == "kpi":
        return f"kpi: {found['input']!r} is no KPI; known: {', '.join(get_args(Kpi))}"
    message = found["msg"].removeprefix("Value error, ")
    return f"{column}: {found['input']!r}: {message}" if found["loc"] else f"{column}: {message}"


def _repeated(path: Path, lines: Iterable[int], targets: Iterable[KpiTarget]) -> list[str]:
    """Return a problem for every KPI that a phase has twice."""
    first: dict[tuple[str, str], int] = {}
    return [
        f"{path}: line {line}: phase: {target.kpi} has a target for {target.phase} in line {known}"
        for line, target in zip(lines, targets, strict=True)
        if (known := first.setdefault((target.kpi, target.phase), line)) != line
    ]


def write_kpi_targets(
    con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], targets: Iterable[KpiTarget]
) -> int:
    """Write `settings.kpi_targets` and return how many rows it has."""
    rows = _table(targets)
    write_documented(con, manifest, KPI_TARGETS, rows)
    return len(rows)


def _table(targets: Iterable[KpiTarget]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        [
            (
                number,
                target.kpi,
                target.phase,
                target.period_start,
                target.period_end,
                target.target,
                target.direction,
                target.owner,
                KPIS[target.kpi].measure,
                KPIS[target.kpi].accrues,
            )
            for number, target in enumerate(targets, start=1)
        ],
        columns=[
            "target_number",
            "kpi",
            "phase",
            "period_start_date",
            "period_end_date",
            "target",
            "direction",
            "owner",
            "measure",
            "accrues",
        ],
    )
