"""Running suites on a build database and telling what they found.

Belongs here: the two phases of validation, results, their words, masking. Does not: what an
expectation means (vocabulary.py), what stops a run or becomes an asset check (orchestration).

Phase one runs whole suites for counts only. An expectation whose query fails takes the bundled
statement of its table down with it, so those without a verdict are run again one by one. Phase
two looks for samples, only for row rules that failed.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from expectations.suites import Expectation, Suite
from expectations.vocabulary import TYPES, RowRule, quote_name, relation, target_columns

if TYPE_CHECKING:  # the datasource imports great_expectations, which costs seconds
    from expectations.datasource import DuckDBDatasource

SAMPLE_SIZE = 5

# Longest cell or observed value in a report; the rest is cut, the full value is in the table.
_LONGEST_VALUE = 200


@dataclass(frozen=True)
class CheckResult:
    """What one expectation found.

    `message` is a whole sentence for the reader of a failure. `unexpected_count` and
    `unexpected_percent` (0-100, of the judged rows) are None for measures and errors. `samples`
    are up to five failing rows: key, offending columns, locator. `is_error` means that the check
    itself could not run; that says nothing about the data, but blocks whatever the severity.
    `judged_count` are the judged rows, `rule` the SQL that counts both, of rules that go by row.
    """

    name: str
    type: str
    column: str | None
    severity: str
    passed: bool
    observed: str
    unexpected_count: int | None = None
    unexpected_percent: float | None = None
    message: str = ""
    remedy: str = ""
    samples: tuple[Mapping[str, Any], ...] = ()
    is_error: bool = False
    judged_count: int | None = None
    rule: str = ""


@dataclass(frozen=True)
class Change:
    """How a table came about from one that the same suite was run on.

    `came` and `left` are the rows that came and those that left, all columns, as a relation stands
    after FROM. `counts` are the failing and the judged rows of the table before, by the SQL of the
    rule that found them.
    """

    came: str
    left: str
    counts: Mapping[str, tuple[int, int | None]]


@dataclass(frozen=True)
class Verdict:
    """Outcome of all expectations of one severity on one table."""

    passed: bool
    count_expectations: int
    failures: tuple[CheckResult, ...]


@dataclass(frozen=True)
class TableResult:
    """What one suite found; `critical` stops the run, `warning` does not."""

    table: str
    owner: str
    checks: tuple[CheckResult, ...]

    @property
    def critical(self) -> Verdict:
        """Outcome of what must hold. Checks that could not run count here."""
        return _verdict(c for c in self.checks if c.severity == "critical" or c.is_error)

    @property
    def warning(self) -> Verdict:
        """Outcome of what should hold."""
        return _verdict(c for c in self.checks if c.severity == "warning" and not c.is_error)


def _verdict(checks: Iterable[CheckResult]) -> Verdict:
    judged = tuple(checks)
    failures = tuple(check for check in judged if not check.passed)
    return Verdict(not failures, len(judged), failures)


def validate(
    database: Path,
    suites: Sequence[Suite],
    *,
    masked_columns: Mapping[str, AbstractSet[str]] | None = None,
    changes: Mapping[str, Change] | None = None,
) -> list[TableResult]:
    """Run suites on a DuckDB file, in their order, over one read-only connection.

    `masked_columns` maps `schema.table` to columns with personal data: their values appear only
    as first character and `***`. `changes` tells of tables that were brought up to date: what was
    counted in the rows that stayed is not counted again where it cannot have changed, and the
    results are the same. The file must not be open for writing in this process.
    """
    with (
        _imported_when_used("altair", "scipy.stats"),
        _fields_copied_flat(),
    ):
        from expectations.datasource import open_datasource

    masked = masked_columns or {}
    changed = changes or {}
    keys = {suite.table: suite.primary_key for suite in suites}
    with open_datasource(database) as datasource:
        tables: dict[str, list[str]] = {}
        for row in datasource.query(
            "SELECT table_schema || '.' || table_name AS name, column_name"
            " FROM information_schema.columns WHERE table_catalog = current_database()"
            " ORDER BY ordinal_position"
        ):
            tables.setdefault(row["name"], []).append(row["column_name"])
        return [
            _validate_suite(
                datasource,
                suite,
                _rules(datasource, suite, changed, keys),
                tables.get(suite.table),
                masked.get(suite.table, frozenset()),
            )
            for suite in suites
        ]


@contextmanager
def _imported_when_used(*names: str) -> Iterator[None]:
    """Let an import within give a stand-in, which imports the module once something of it is used.

    Great Expectations imports these for one expectation that is not in the vocabulary and its
    chart: 0.75 of its 2 CPU s.
    """
    stand_ins = {name: ModuleType(name) for name in names if name not in sys.modules}
    for name, stand_in in stand_ins.items():
        vars(stand_in)["__getattr__"] = partial(_attribute, name)
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


@contextmanager
def _fields_copied_flat() -> Iterator[None]:
    """Let a pydantic model copy the fields it inherits, not all they refer to.

    Great Expectations makes 420 models, mostly of expectations and files that no suite can name:
    0.3 of the CPU s that its import takes.
    """
    from pydantic.v1.fields import ModelField

    ModelField.__deepcopy__ = lambda field, memo: copy(field)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del ModelField.__deepcopy__  # type: ignore[attr-defined]


def _attribute(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def describe(check: CheckResult) -> str:
    """Tell a failure in full: what, which rows, what to do."""
    lines = [check.message]
    for sample in check.samples:
        lines.append("  " + ", ".join(f"{key} = {value!r}" for key, value in sample.items()))
    if check.remedy:
        lines.append(f"What to do: {check.remedy}")
    return "\n".join(lines)


def validation_rows(layer: str, results: Sequence[TableResult]) -> list[dict[str, Any]]:
    """Flatten results into rows of audit.validation_results (the build id is the caller's)."""
    return [
        {
            "layer": layer,
            "table_name": result.table,
            "check_name": check.name,
            "severity": check.severity,
            "passed": check.passed,
            "observed": check.observed,
            "unexpected_count": check.unexpected_count,
            "message": "\n".join([check.message, *_rows_of_files(check)]),
        }
        for result in results
        for check in result.checks
    ]


def _rows_of_files(check: CheckResult) -> Iterator[str]:
    """Say in which files the rows of a warning are, for those who read no more than the message.

    Of queries only, which choose what they show.
    """
    if check.severity != "warning" or check.type != "expect_query_to_return_no_rows":
        return
    for sample in check.samples:
        told = (
            f"{name} {value!r}"
            for name, value in sample.items()
            if value is not None and not name.startswith("_") and name != "file_name"
        )
        if "_file_name" in sample and "_row_number" in sample:
            line = sample.get("_line_number")
            place = f"record {sample['_row_number']}" if line is None else f"line {line}"
            yield f"  {sample['_file_name']}, {place}: {', '.join(told)}"
        elif "file_name" in sample:
            yield f"  {sample['file_name']}: {', '.join(told)}"


def _validate_suite(
    datasource: "DuckDBDatasource",
    suite: Suite,
    rules: Mapping[str, tuple[RowRule, str]],
    columns: list[str] | None,
    masked: AbstractSet[str],
) -> TableResult:
    if columns is None:
        error = "the table does not exist in this build"
        checks = [_error(suite, e, error, masked) for e in suite.expectations]
        return TableResult(suite.table, suite.owner, tuple(checks))
    batch = datasource.batch(suite.table, suite.where)
    outcomes = _run(batch, suite.expectations, rules)
    broken = [e for e in suite.expectations if outcomes[e.name].error]
    if len(suite.expectations) > 1:
        for expectation in broken:
            outcomes |= _run(batch, [expectation], rules)

    checks = []
    for expectation in suite.expectations:
        outcome = outcomes[expectation.name]
        if outcome.error:
            checks.append(_error(suite, expectation, outcome.error, masked))
        elif expectation.name not in rules:
            checks.append(_measure(suite, expectation, outcome, masked))
        else:
            rule, _ = rules[expectation.name]
            samples = () if outcome.passed else _samples(datasource, suite, rule, columns, masked)
            checks.append(_row_rule(suite, expectation, outcome, rule, samples))
    return TableResult(suite.table, suite.owner, tuple(checks))


def _rules(
    datasource: "DuckDBDatasource",
    suite: Suite,
    changes: Mapping[str, Change],
    keys: Mapping[str, tuple[str, ...]],
) -> dict[str, tuple[RowRule, str]]:
    """Return the row rules of a suite by the name of their check, each with how it is counted."""
    rules = _row_rules(suite, relation(suite.table, suite.where))
    counts = {name: rule.counts for name, rule in rules.items()}
    if suite.table in changes and suite.where is None:
        counts |= _counts_by_change(datasource, suite, rules, changes, keys)
    return {name: (rule, counts[name]) for name, rule in rules.items()}


def _row_rules(suite: Suite, rows: str) -> dict[str, RowRule]:
    return {
        expectation.name: rule(expectation.kwargs, rows)
        for expectation in suite.expectations
        if (rule := TYPES[expectation.type].rule)
    }


def _counts_by_change(
    datasource: "DuckDBDatasource",
    suite: Suite,
    rules: Mapping[str, RowRule],
    changes: Mapping[str, Change],
    keys: Mapping[str, tuple[str, ...]],
) -> dict[str, str]:
    """Write the counts that follow from those of the table before, by the name of the check.

    What a rule says of each row by itself is counted in the rows that came and in those that left.
    Where no row failed before, the type of the rule may know where to look for one that does now.
    All others are left out.
    """
    from sqlalchemy.exc import DBAPIError

    change = changes[suite.table]
    known = [
        expectation
        for expectation in suite.expectations
        if expectation.name in rules and rules[expectation.name].counts in change.counts
    ]
    if not known:
        return {}
    counts = {}
    try:
        came, left = (
            _counts_of_rows(datasource, suite, known, rows) for rows in (change.came, change.left)
        )
        for expectation in known:
            name, rule = expectation.name, rules[expectation.name]
            failing, judged = change.counts[rule.counts]
            now = None
            if rule.is_by_row:
                now = failing + came[name][0] - left[name][0]
            elif not failing:
                now = _failing_by_change(datasource, suite.table, expectation, changes, keys)
            if now is not None:
                judged_now = "NULL" if judged is None else judged + came[name][1] - left[name][1]
                # The zero makes it an aggregate, as all counts are.
                counts[name] = f"[0 * count(*) + {now}, {judged_now}]"
    except DBAPIError:  # a rule that stumbles over a value: which one, the whole table tells
        return {}
    return counts


def _counts_of_rows(
    datasource: "DuckDBDatasource", suite: Suite, known: Sequence[Expectation], rows: str
) -> dict[str, list[int]]:
    """Count failing and judged rows of a relation, without those that fail by what others hold."""
    rules = _row_rules(suite, rows)
    asked = ", ".join(
        rule.counts if rule.is_by_row else f"[0, {rule.judged}]"
        for rule in (rules[expectation.name] for expectation in known)
    )
    (found,) = datasource.query(f"SELECT [{asked}] AS counts FROM {rows}")
    return dict(zip((expectation.name for expectation in known), found["counts"], strict=True))


def _failing_by_change(
    datasource: "DuckDBDatasource",
    table: str,
    expectation: Expectation,
    changes: Mapping[str, Change],
    keys: Mapping[str, tuple[str, ...]],
) -> int | None:
    """Count the failing rows where none failed before; None when only the whole table tells."""
    queries = TYPES[expectation.type].failing_by_change
    if queries is None or not _keeps_targets(expectation, changes, keys):
        return None
    changed = {name: (change.came, change.left) for name, change in changes.items()}
    failing = None
    for query in queries(expectation.kwargs, table, changed):
        failing = int(datasource.query(f"SELECT {query} AS failing")[0]["failing"])
        if not failing:
            break
    return failing


def _keeps_targets(
    expectation: Expectation, changes: Mapping[str, Change], keys: Mapping[str, tuple[str, ...]]
) -> bool:
    """Tell whether a row that stayed kept what it refers to, if it refers to anything.

    It does as long as its target leaves its table only by being deleted, which the rule allows for:
    that is so of a key in a table that was brought up to date.
    """
    kwargs = expectation.kwargs
    if "to_table" not in kwargs:
        return True
    to_table = kwargs["to_table"]
    return (
        to_table in changes
        and "deleted_in" in kwargs
        and tuple(target_columns(kwargs)) == keys.get(to_table)
    )


@dataclass(frozen=True)
class _Outcome:
    """What Great Expectations said about one expectation."""

    passed: bool
    result: Mapping[str, Any]
    error: str


def _run(
    batch: Any,
    expectations: Sequence[Expectation],
    rules: Mapping[str, tuple[RowRule, str]],
) -> dict[str, _Outcome]:
    """Validate expectations as one Great Expectations suite; results by check name."""
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.registry import get_expectation_impl

    from expectations.datasource import ExpectRowsToFollowRule

    suite = ExpectationSuite(name="gate")
    outcomes = {}
    for expectation in expectations:
        meta = {"name": expectation.name}
        if expectation.name in rules:
            _, counts = rules[expectation.name]
            mostly = expectation.kwargs.get("mostly", 1.0)
            built = ExpectRowsToFollowRule(counts=counts, mostly=mostly, meta=meta)
        else:
            try:
                built = get_expectation_impl(expectation.type)(**expectation.kwargs, meta=meta)
            except ValueError as error:  # pydantic refuses an argument
                outcomes[expectation.name] = _Outcome(False, {}, str(error))
                continue
        suite.expectations.append(built)
    # SUMMARY without values: no query for samples.
    counts_only = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
    for found in batch.validate(suite, result_format=counts_only).results:
        # The success of some measures is a numpy bool, which no serialiser takes.
        outcomes[found.expectation_config.meta["name"]] = _Outcome(
            bool(found.success), found.result or {}, _error_text(found.exception_info)
        )
    return outcomes


def _error_text(exception_info: Mapping[str, Any] | None) -> str:
    """Find the exception in Great Expectations' report: flat, or one level down per metric."""
    info = exception_info or {}
    for part in [info, *(v for v in info.values() if isinstance(v, Mapping))]:
        if part.get("raised_exception"):
            text = str(part.get("exception_message"))
            # DuckDB appends an excerpt of the statement, SQLAlchemy all of it.
            return text.split("\n[SQL:")[0].split("\n\nLINE ")[0].strip()
    return ""


def _samples(
    datasource: "DuckDBDatasource",
    suite: Suite,
    rule: RowRule,
    columns: Sequence[str],
    masked: AbstractSet[str],
) -> tuple[dict[str, Any], ...]:
    """Fetch up to five failing rows, always the same ones for the same data."""
    if rule.failing_rows is None:
        return ()
    shown = "*"
    if not rule.is_own_query:
        wanted = [*suite.primary_key, *rule.columns, *suite.locator_columns]
        present = [name for name in dict.fromkeys(wanted) if name in columns]
        shown = ", ".join(quote_name(name) for name in present) or "*"
    rows = datasource.query(
        f"SELECT {shown} FROM ({rule.failing_rows}\n) ORDER BY ALL LIMIT {SAMPLE_SIZE}"
    )
    return tuple(
        {key: _shown(key, value, columns, masked) for key, value in row.items()} for row in rows
    )


def _shown(name: str, value: Any, columns: Sequence[str], masked: AbstractSet[str]) -> Any:
    """Make a cell fit for a report: plain, short, masked.

    On a table with masked columns, text that a query returns under a name of its own is masked
    too, since it may come from any of them.
    """
    if value is None or isinstance(value, bool):
        return value
    is_renamed_text = isinstance(value, str) and name not in columns
    if name in masked or (masked and is_renamed_text):
        return mask(value)
    return value if isinstance(value, int | float) else str(value)[:_LONGEST_VALUE]


def mask(value: Any) -> str:
    """Keep the first character of a value and hide the rest."""
    return f"{str(value)[:1]}***"


def _column(expectation: Expectation) -> str | None:
    names: list[str] = []
    for key in ("column", "column_A", "column_B", "column_list"):
        value = expectation.kwargs.get(key, ())
        names.extend([value] if isinstance(value, str) else value)
    return ", ".join(names) or None


def _row_rule(
    suite: Suite,
    expectation: Expectation,
    outcome: _Outcome,
    rule: RowRule,
    samples: tuple[dict[str, Any], ...],
) -> CheckResult:
    failing, judged = outcome.result["unexpected_count"], outcome.result["element_count"]
    percent = 100 * failing / judged if judged else None
    fact = TYPES[expectation.type].fact(expectation.kwargs)
    if judged is None:  # a count of its own, not a share of the table's rows
        observed = f"{failing:,}"
        what = f"{fact}: {observed}."
    else:
        observed = f"{failing:,} of {judged:,} rows"
        share = f" ({percent:.3g} %)" if failing and percent is not None else ""
        what = f"{observed}{share}: {fact}."
    return _result(
        expectation,
        passed=outcome.passed,
        observed=observed,
        unexpected_count=failing,
        unexpected_percent=percent,
        message=_sentence(f"{suite.table}: {what}", expectation),
        samples=samples,
        judged_count=judged,
        rule=rule.counts,
    )


def _measure(
    suite: Suite, expectation: Expectation, outcome: _Outcome, masked: AbstractSet[str]
) -> CheckResult:
    mismatched = outcome.result.get("details", {}).get("mismatched")
    observed = str(mismatched or outcome.result.get("observed_value"))[:_LONGEST_VALUE]
    if expectation.kwargs.get("column") in masked:
        observed = "hidden (personal data)"
    fact = TYPES[expectation.type].fact(expectation.kwargs)
    return _result(
        expectation,
        passed=outcome.passed,
        observed=observed,
        message=_sentence(f"{suite.table}: {fact}; it is {observed}.", expectation),
    )


def _error(
    suite: Suite, expectation: Expectation, error: str, masked: AbstractSet[str]
) -> CheckResult:
    if masked:  # DuckDB quotes the value that it could not convert
        error = re.sub(r"'([^']*)'", lambda quoted: f"'{mask(quoted[1])}'", error)
    return _result(
        expectation,
        passed=False,
        observed="error",
        message=f"{suite.table}: the check {expectation.name} could not run: {error}",
        remedy=(
            "Nothing is known about the data. Compare the suite with the columns and types of "
            "the table; when the table is missing, look at the step that builds it."
        ),
        is_error=True,
    )


def _sentence(fact: str, expectation: Expectation) -> str:
    return f"{fact} {expectation.message}".strip()


def _result(expectation: Expectation, *, passed: bool, message: str, **rest: Any) -> CheckResult:
    return CheckResult(
        name=expectation.name,
        type=expectation.type,
        column=_column(expectation),
        severity=expectation.severity,
        passed=passed,
        message="" if passed else message,
        remedy="" if passed else rest.pop("remedy", expectation.remedy),
        **rest,
    )
