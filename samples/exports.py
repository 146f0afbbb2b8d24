"""Write the exports of the made-up company with the truth beside them.

What `crm-warehouse sample` does: simulate, write every system, write the truth, and move all of it
into place at the end.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from samples.canonical import (
    SYSTEM,
    make_canonical_records,
    write_canonical,
    write_identities,
)
from samples.company import found_company
from samples.parameters import Parameters


@dataclass(frozen=True)
class SampleSummary:
    """What was written where."""

    out: Path
    seed: int
    as_of: date
    customers: int  # real customers
    records: int  # customer records they have
    rows: dict[str, int]  # by object, deltas included
    files: int
    size_bytes: int


def write_exports(
    out: Path,
    *,
    customers: int,
    seed: int,
    as_of: date,
    days_of_deltas: int = 0,
    report: Callable[[str], None],
) -> SampleSummary:
    """Write exports of a company with `customers` real customers to out/<system>/.

    The full history is exported on as_of - days_of_deltas, then new and changed rows day by day
    to as_of; an export holds what was known when its day began. The truth goes to out/truth/.
    Equal arguments give equal bytes. Files appear in `out` all at once at the end; existing
    exports are not touched: FileExistsError says what is in the way.
    """
    if customers < 1:
        raise ValueError(f"customers is {customers}; a company has at least one")
    if seed < 0:
        raise ValueError(f"seed is {seed}; choose 0 or more")
    if days_of_deltas < 0:
        raise ValueError(f"days_of_deltas is {days_of_deltas}; choose 0 or more")
    for name in (SYSTEM, "truth"):
        if (out / name).exists():
            raise FileExistsError(
                f"{out / name} is there already; remove it or choose another folder, "
                "so that two made-up companies do not mix"
            )

    report(f"simulating {customers:,} customers up to {as_of}")
    parameters = Parameters()
    company = found_company(customers, seed, np.datetime64(as_of, "D"), parameters)
    records = make_canonical_records(company, seed)

    partial = out / ".sample.partial"
    shutil.rmtree(partial, ignore_errors=True)  # what an interrupted run of ours left behind
    rows = write_canonical(
        partial / SYSTEM,
        company,
        records,
        as_of - timedelta(days=days_of_deltas),
        as_of,
        report,
    )
    truth = partial / "truth"
    truth.mkdir()
    count_records = write_identities(truth / "identities.csv", records)
    planted = {
        "sample": {
            "customers": customers,
            "seed": seed,
            "as_of": as_of.isoformat(),
            "days_of_deltas": days_of_deltas,
        },
        **asdict(parameters),
        "realised": company.realised,
    }
    (truth / "parameters.json").write_text(json.dumps(planted, indent=2) + "\n", encoding="utf-8")

    files = sorted(path for path in partial.rglob("*") if path.is_file())
    size_bytes = sum(path.stat().st_size for path in files)
    for name in (SYSTEM, "truth"):
        (partial / name).rename(out / name)
    partial.rmdir()
    return SampleSummary(
        out=out,
        seed=seed,
        as_of=as_of,
        customers=customers,
        records=count_records,
        rows=rows,
        files=len(files),
        size_bytes=size_bytes,
    )
