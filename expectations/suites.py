"""Suites: what is expected of a table, written as one YAML file per table.

Belongs here: the form of a suite and reading it from its file, with every mistake that can be
seen without data found at once. Does not: what a type means (vocabulary.py), the raw layer, whose
suites follow from the export contracts (raw.py), running suites (validate.py).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from expectations.vocabulary import ROW_COUNT_TYPES, TYPES

# The C loader is eight times as fast; not every platform has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

SEVERITIES = ("critical", "warning")

# Where a row came from. Tables above staging have no such columns: validation shows those it finds.
LOCATOR_COLUMNS = ("_file_name", "_row_number")


class SuiteError(ValueError):
    """A suite file that cannot be used; the message names file, line and what to write instead."""


@dataclass(frozen=True)
class Expectation:
    """One expectation of a table.

    `message` tells why it matters, `remedy` what to do when it fails. `name` is unique in its
    suite and stays the same when limits change, so that results can be followed over time.
    """

    name: str
    type: str
    kwargs: Mapping[str, Any]
    severity: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Suite:
    """All expectations of one table; the first one is its row count.

    `table` is `schema.table`. `where` narrows the suite to some rows of a table that several
    suites share. Samples of failing rows show `primary_key` and `locator_columns`.
    """

    table: str
    primary_key: tuple[str, ...]
    owner: str
    description: str
    expectations: tuple[Expectation, ...]
    locator_columns: tuple[str, ...] = LOCATOR_COLUMNS
    where: str | None = None


def load_layer(
    layer: str, systems: Sequence[str] | None = None, root: Path | None = None
) -> list[Suite]:
    """Read all suites of a layer: staging, identity, models or marts.

    Files: `<root>/staging/<system>/*.yml`, for the other layers `<root>/<layer>/*.yml`; `root`
    defaults to this package. `systems` narrows staging to these systems (None means all).

    Raises: SuiteError for a file that cannot be used, an unknown layer, and a layer or system
    without any suite, because that would be a gate that lets everything through.
    """
    root = Path(__file__).parent if root is None else root
    if layer == "staging":
        found = sorted(p.name for p in (root / "staging").glob("*/") if any(p.glob("*.yml")))
        folders = [root / "staging" / s for s in (found if systems is None else systems)]
    elif layer in ("identity", "models", "marts"):
        folders = [root / layer]
    else:
        raise SuiteError(
            f"unknown layer {layer!r}: suites are read for staging, identity, models and marts; "
            "those of raw are made from the export contract by expectations.raw.raw_suites"
        )
    suites: list[Suite] = []
    for folder in folders:
        files = sorted(folder.glob("*.yml"))
        if not files:
            drafted = "; crm-warehouse docs drafts them" if layer == "staging" else ""
            raise SuiteError(f"{folder} holds no suite: write one <table>.yml per table{drafted}")
        suites.extend(load_suite(file) for file in files)
    if not suites:
        raise SuiteError(f"{root / layer} holds no suite: write one <table>.yml per table")
    return suites


def load_suite(path: Path) -> Suite:
    """Read one suite file.

    Raises: SuiteError naming file, line and remedy for broken YAML, keys given twice, unknown or
    missing keys, unknown types and arguments, a suite that does not begin with a row count, names
    used twice and warnings without a reason.
    """
    loader = _LOADER(path.read_text(encoding="utf-8"))
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise SuiteError(f"{path}:1: a suite is a mapping with table, primary_key, …")
        _refuse_double_keys(root, path)
        data: dict[str, Any] = loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise SuiteError(f"{path}:{line}: not valid YAML: {error}") from error
    finally:
        loader.dispose()

    required = {"table", "primary_key", "owner", "description", "expectations"}
    _check_keys(data, required, {"remedy", "locator"}, f"{path}:1", "suite")
    table = data["table"]
    if not isinstance(table, str) or table.count(".") != 1 or not path.stem == table.split(".")[1]:
        raise SuiteError(
            f"{path}:1: table must be schema.table with the file's own name, such as "
            f"staging.{path.stem}, not {table!r}"
        )
    (items,) = (value for key, value in root.value if key.value == "expectations")
    if not isinstance(items, yaml.SequenceNode) or not items.value:
        raise SuiteError(f"{path}:{items.start_mark.line + 1}: expectations must be a list")
    expectations: list[Expectation] = []
    for node, item in zip(items.value, data["expectations"], strict=True):
        place = f"{path}:{node.start_mark.line + 1}"
        for expectation in _expectations(item, data.get("remedy"), place):
            if any(expectation.name == other.name for other in expectations):
                raise SuiteError(
                    f"{place}: there already is a check {expectation.name}: give this one a "
                    "name of its own with name:"
                )
            expectations.append(expectation)
    if expectations[0].type not in ROW_COUNT_TYPES:
        raise SuiteError(
            f"{path}:{items.value[0].start_mark.line + 1}: the first expectation must be "
            "expect_table_row_count_to_be_between, because an empty table passes all others; "
            "min_value: 0 states that the table may be empty"
        )
    return Suite(
        table=table,
        primary_key=_names(data["primary_key"], f"{path}:1", "primary_key"),
        owner=data["owner"],
        description=data["description"],
        expectations=tuple(expectations),
        locator_columns=_names(data.get("locator", LOCATOR_COLUMNS), f"{path}:1", "locator"),
    )


def check_name(expectation_type: str, kwargs: Mapping[str, Any]) -> str:
    """Derive the name of a check from its type and the columns it looks at."""
    columns: list[str] = []
    for key in ("column", "column_A", "column_B", "column_list"):
        value = kwargs.get(key, ())
        columns.extend([value] if isinstance(value, str) else value)
    verb = expectation_type.removeprefix("expect_")
    return f"{verb}({', '.join(columns)})" if columns else verb


def _expectations(item: Any, default_remedy: str | None, place: str) -> list[Expectation]:
    """Read one entry of `expectations`; `columns` makes it one expectation per column."""
    if not isinstance(item, dict):
        raise SuiteError(f"{place}: an expectation is a mapping with type, kwargs and severity")
    optional = {"kwargs", "columns", "name", "message", "remedy"}
    _check_keys(item, {"type", "severity"}, optional, place, "expectation")
    expectation_type, severity = item["type"], item["severity"]
    if expectation_type not in TYPES:
        near = get_close_matches(str(expectation_type), TYPES, n=1)
        hint = f"did you mean {near[0]}?" if near else "expectations/README.md lists all types"
        raise SuiteError(f"{place}: unknown type {expectation_type!r}: {hint}")
    if severity not in SEVERITIES:
        raise SuiteError(f"{place}: severity must be critical or warning, not {severity!r}")
    if severity == "warning" and not item.get("message"):
        raise SuiteError(f"{place}: a warning needs a message: why does it not stop the run?")
    remedy = item.get("remedy", default_remedy)
    if not remedy:
        raise SuiteError(f"{place}: say with remedy: what to do, here or once for the suite")

    kwargs = item.get("kwargs", {})
    if not isinstance(kwargs, dict):
        raise SuiteError(f"{place}: kwargs must be a mapping")
    variants = [kwargs]
    if "columns" in item:
        columns = _names(item["columns"], place, "columns")
        variants = [{"column": column, **kwargs} for column in columns]
        if "name" in item:
            raise SuiteError(f"{place}: name: names one check, columns: makes several; drop one")
    for variant in variants:
        _check_kwargs(expectation_type, variant, place)
    return [
        Expectation(
            name=item.get("name", check_name(expectation_type, variant)),
            type=expectation_type,
            kwargs=variant,
            severity=severity,
            message=item.get("message", ""),
            remedy=remedy,
        )
        for variant in variants
    ]


def _check_kwargs(expectation_type: str, kwargs: Mapping[str, Any], place: str) -> None:
    form = TYPES[expectation_type]
    what = f"kwargs of {expectation_type}"
    _check_keys(kwargs, set(form.required), set(form.optional), place, what)
    needs_limit = "min_value" in form.optional
    if needs_limit and kwargs.get("min_value") is None and kwargs.get("max_value") is None:
        raise SuiteError(f"{place}: {what} need min_value or max_value, else all values pass")
    for key in ("min_value", "max_value"):
        if not isinstance(kwargs.get(key), int | float | dt.date | None):
            raise SuiteError(f"{place}: {key} must be a number, a date or a time, without quotes")
    mostly = kwargs.get("mostly", 1)
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 < mostly <= 1:
        raise SuiteError(f"{place}: mostly must be a share above 0 and up to 1, not {mostly!r}")
    for key in ("value_set", "column_set", "column_list", "show", "by"):
        if key in kwargs and (not isinstance(kwargs[key], list) or not kwargs[key]):
            raise SuiteError(f"{place}: {key} must be a list that is not empty")
    if None in kwargs.get("value_set", ()):
        raise SuiteError(f"{place}: value_set must not hold null: empty cells are not judged")


def _check_keys(
    data: Mapping[str, Any], required: set[str], optional: set[str], place: str, what: str
) -> None:
    for key in data:
        if key not in required | optional:
            near = get_close_matches(str(key), required | optional, n=1)
            known = near[0] if near else ", ".join(sorted(required | optional)) or "none"
            raise SuiteError(f"{place}: unknown key {key!r} in {what}: known: {known}")
    for key in sorted(required):
        if data.get(key) in (None, ""):
            raise SuiteError(f"{place}: {what} lacks {key}")


def _refuse_double_keys(node: yaml.Node, path: Path) -> None:
    """Refuse a key given twice: YAML keeps the last one and would drop checks without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise SuiteError(f"{path}:{line}: {key.value!r} is given twice: keep one")
            seen.add(key.value)
            _refuse_double_keys(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_double_keys(child, path)


def _names(value: Any, place: str, what: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise SuiteError(f"{place}: {what} must be a list of column names")
    return tuple(value)
