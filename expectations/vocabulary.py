"""The vocabulary of expectations: which types a suite may use and what each means in SQL.

Belongs here: the allowed types with their arguments, and for types that judge single rows the SQL
that counts the failing rows and finds them again. Does not: reading suites (suites.py), running
them (validate.py), Great Expectations itself (datasource.py).

Two kinds of types:

*Row rules* say something about rows. Each becomes one aggregate (`count(*) filter (where not
…)`), and Great Expectations bundles all aggregates of a table into one statement, so a table is
read once however many rules it has. Their condition is true for a good row, false for a bad one
and NULL for a row that is not judged, as in a SQL CHECK constraint: an empty cell passes all rules
but not_null, and the equality of a pair with one side filled.

*Measures* say something about a table or a column as a whole (row count, mean, sum, set of
columns). They are Great Expectations' own implementations.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

Kwargs = Mapping[str, Any]

# Relations with the rows that came and with those that left, by the table that they changed.
Changed = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class RowRule:
    """The SQL of one row rule on one table.

    `failing` and `judged` are aggregates over the table: how many rows fail, of how many; judged
    rows are NULL where the rule does not go row by row. `is_by_row` tells whether a row fails by
    its own cells alone. `failing_rows` is a query for failing rows, None if no row is to blame: it
    returns all columns of the table, or, when `is_own_query`, whatever columns the suite's query
    returns. `columns` are those to show.
    """

    failing: str
    judged: str
    failing_rows: str | None
    columns: tuple[str, ...]
    is_own_query: bool = False
    is_by_row: bool = False

    @property
    def counts(self) -> str:
        """Both numbers as one aggregate that yields a list."""
        return f"[{self.failing}, {self.judged}]"


@dataclass(frozen=True)
class ExpectationType:
    """Arguments and meaning of one expectation type.

    `rule` is None for measures. `fact` turns the arguments into words: what is wrong with a
    failing row, or what is measured. `failing_by_change` is for rules that look at other rows too:
    where no row failed before the tables changed, it counts the failing ones among those that the
    changes can have made fail, by queries each of which counts no more than the one before: the
    last is the number, and a zero is the number at once. None of them says that nothing follows.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    fact: Callable[[Kwargs], str]
    rule: Callable[[Kwargs, str], RowRule] | None = None
    failing_by_change: Callable[[Kwargs, str, Changed], Sequence[str]] | None = None


def quote_name(name: str) -> str:
    """Quote a column, table or `schema.table` name for SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def relation(table: str, where: str | None = None) -> str:
    """Write `schema.table`, or the rows of it that `where` selects, as it stands after FROM."""
    name = quote_name(table)
    return name if where is None else f"(SELECT * FROM {name} WHERE {where})"


def literal(value: object) -> str:
    """Write a YAML value as a SQL literal.

    Raises: TypeError for values that have no literal, such as mappings.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, dt.datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"{value!r} cannot be written as a SQL literal")


def words_in(condition: str) -> set[str]:
    """Return the identifiers of a SQL condition, text literals left out."""
    return set(re.findall(r"[A-Za-z_]\w*", re.sub(r"'(?:[^']|'')*'", " ", condition)))


def _as_list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


# What a condition may call, and what else stands before a bracket, so that it looks at nothing but
# the cells of its row: no other row, no other table, no clock. Any other name makes the rule one
# that is judged on the whole table.
_OF_ITS_ROW = frozenset(
    {"and", "between", "case", "else", "in", "is", "not", "or", "then", "when"}
    | {"abs", "cast", "coalesce", "decimal", "greatest", "least", "length", "lower", "nullif"}
    | {"regexp_matches", "round", "starts_with", "trim", "try_cast", "upper"}
)
_LOOKS_AROUND = frozenset(
    {"select", "from", "current_date", "current_time", "current_timestamp"}
    | {"localtime", "localtimestamp"}
)


def _is_by_row(condition: str) -> bool:
    plain = re.sub(r"'(?:[^']|'')*'", "''", condition.lower())
    called = set(re.findall(r"(\w+)\s*\(", plain))
    return called <= _OF_ITS_ROW and not words_in(plain) & _LOOKS_AROUND


def _rule(condition: str, rows: str, columns: Sequence[str]) -> RowRule:
    # The line breaks keep a trailing `-- comment` of a condition from swallowing the bracket.
    good = f"({condition}\n)"
    return RowRule(
        failing=f"count(*) FILTER (WHERE NOT {good})",
        judged=f"count({good})",
        failing_rows=f"SELECT * FROM {rows} WHERE NOT {good}",
        columns=tuple(columns),
        is_by_row=_is_by_row(condition),
    )


def _not_null(kwargs: Kwargs, rows: str) -> RowRule:
    """Judge all rows; the empty ones are counted where they can be.

    As a query of its own it is answered by what tables and Parquet files tell of their parts: to
    find that 8.8 M rows of Parquet have a key took 0.3 CPU s as an aggregate over all rows, now 0.
    """
    column = kwargs["column"]
    rule = _rule(f"{quote_name(column)} IS NOT NULL", rows, [column])
    return replace(
        rule,
        failing=f"(SELECT count(*) FROM {rows} WHERE {quote_name(column)} IS NULL)",
        judged="count(*)",
    )


def _column_rule(condition: Callable[[str, Kwargs], str]) -> Callable[[Kwargs, str], RowRule]:
    def rule(kwargs: Kwargs, rows: str) -> RowRule:
        column = kwargs["column"]
        return _rule(condition(quote_name(column), kwargs), rows, [column])

    return rule


def _pair_rule(operator: Callable[[Kwargs], str]) -> Callable[[Kwargs, str], RowRule]:
    def rule(kwargs: Kwargs, rows: str) -> RowRule:
        a, b = kwargs["column_A"], kwargs["column_B"]
        return _rule(f"{quote_name(a)} {operator(kwargs)} {quote_name(b)}", rows, [a, b])

    return rule


def _between(value: str, kwargs: Kwargs) -> str:
    sides = []
    if (low := kwargs.get("min_value")) is not None:
        sides.append(f"{value} {'>' if kwargs.get('strict_min') else '>='} {literal(low)}")
    if (high := kwargs.get("max_value")) is not None:
        sides.append(f"{value} {'<' if kwargs.get('strict_max') else '<='} {literal(high)}")
    return " AND ".join(sides)


def _in_set(kwargs: Kwargs) -> str:
    return "(" + ", ".join(literal(value) for value in kwargs["value_set"]) + ")"


def _unique(kwargs: Kwargs, rows: str) -> RowRule:
    """Judge rows whose key is filled; every row of a repeated key fails, not only the second.

    Grouping costs as much as count(distinct) (5 M text keys: 1.0 against 1.2 CPU s) and tells the
    exact number of rows.
    """
    names = _key_columns(kwargs)
    key = ", ".join(quote_name(name) for name in names)
    return RowRule(
        failing=_repeated(kwargs, rows),
        judged=f"count(*) FILTER (WHERE {_filled(names)})",
        failing_rows=f"SELECT * FROM {rows} WHERE ({key}) IN (SELECT ({key}) FROM {rows}"
        f" WHERE {_filled(names)} GROUP BY {key} HAVING count(*) > 1)",
        columns=tuple(names),
    )


def _repeated(kwargs: Kwargs, rows: str) -> str:
    """Count rows of repeated keys."""
    names = _key_columns(kwargs)
    key = ", ".join(quote_name(name) for name in names)
    return (
        "(SELECT coalesce(sum(count_rows), 0)::BIGINT FROM (SELECT count(*) AS count_rows"
        f" FROM {rows} WHERE {_filled(names)} GROUP BY {key} HAVING count(*) > 1))"
    )


def _repeated_by_change(kwargs: Kwargs, table: str, changed: Changed) -> list[str]:
    """Only a key of a row that came can have come to repeat."""
    came, _ = changed[table]
    key = ", ".join(quote_name(name) for name in _key_columns(kwargs))
    return [_repeated(kwargs, f"{quote_name(table)} SEMI JOIN {came} USING ({key})")]


def _key_columns(kwargs: Kwargs) -> list[str]:
    return _as_list(kwargs["column"] if "column" in kwargs else kwargs["column_list"])


def _filled(names: Sequence[str]) -> str:
    return " AND ".join(f"{quote_name(name)} IS NOT NULL" for name in names)


def _reference(kwargs: Kwargs, rows: str) -> RowRule:
    """Judge rows whose reference is filled.

    `deleted_in` names a raw table: a target that its system has deleted was exported and is not
    missing.

    NOT IN over filled keys becomes one mark join inside the scan that serves the other rules
    (5 M rows against 1.25 M keys: 0.4 CPU s, half of NOT EXISTS in a statement of its own).
    """
    names = _as_list(kwargs["column"])
    targets = target_columns(kwargs)
    key = ", ".join(quote_name(name) for name in names)
    target = ", ".join(quote_name(name) for name in targets)
    filled, target_filled = _filled(names), _filled(targets)
    orphan = (
        f"{filled} AND ({key}) NOT IN"
        f" (SELECT ({target}) FROM {quote_name(kwargs['to_table'])} WHERE {target_filled})"
    )
    if "deleted_in" in kwargs:
        orphan += (
            f" AND ({key}) NOT IN (SELECT ({target}) FROM {quote_name(kwargs['deleted_in'])}"
            f" WHERE {target_filled} AND coalesce(_is_deleted, FALSE))"
        )
    return RowRule(
        failing=f"count(*) FILTER (WHERE {orphan})",
        judged=f"count(*) FILTER (WHERE {filled})",
        failing_rows=f"SELECT * FROM {rows} WHERE {orphan}",
        columns=tuple(names),
    )


def _orphans_by_change(kwargs: Kwargs, table: str, changed: Changed) -> list[str]:
    """Only a row that came can be without a target, if those that stayed keep theirs.

    First without a target in its table, of which few or none are, then among the deleted ones, too.
    Targets are found by a semi join, which reads of their tables little but the range of keys that
    is asked for: of 14,500 new lines among 3.6 M orders 0.02 CPU s, against 0.44 by an anti join.
    """
    came, _ = changed[table]
    names, targets = _as_list(kwargs["column"]), target_columns(kwargs)
    target = ", ".join(quote_name(name) for name in targets)
    pairs = " AND ".join(
        f"new.{quote_name(a)} = target.{quote_name(b)}" for a, b in zip(names, targets, strict=True)
    )
    orphans, counts = f"(SELECT * FROM {came} WHERE {_filled(names)}) AS new", []
    for targets_in, condition in [
        (kwargs["to_table"], "TRUE"),
        (kwargs["deleted_in"], "coalesce(_is_deleted, FALSE)"),
    ]:
        found = (
            f"SELECT {target} FROM {quote_name(targets_in)} AS target"
            f" SEMI JOIN {came} AS new ON {pairs} WHERE {condition}"
        )
        orphans += f" ANTI JOIN ({found}) AS target ON {pairs}"
        counts.append(f"(SELECT count(*) FROM {orphans})")
    return counts


def target_columns(kwargs: Kwargs) -> list[str]:
    """Return the columns that a reference points at: by their own names unless it says others."""
    return _as_list(kwargs.get("to_column", kwargs["column"]))


def _satisfy(kwargs: Kwargs, rows: str) -> RowRule:
    condition = kwargs["condition"]
    shown = [*kwargs.get("show", ()), *sorted(words_in(condition))]
    rule = _rule(condition, rows, shown)
    if "sample_query" not in kwargs:
        return rule
    return replace(rule, failing_rows=kwargs["sample_query"], columns=(), is_own_query=True)


def _count_of(query: str) -> str:
    """Count the rows of a query of its own beside the other rules of the table.

    The zero makes it an aggregate: without one, a statement that holds nothing else would return
    one row per row of the table.
    """
    return f"0 * count(*) + (SELECT count(*) FROM ({query}\n))"


def _no_rows(kwargs: Kwargs, rows: str) -> RowRule:
    query = kwargs["query"].strip().rstrip(";")
    return RowRule(_count_of(query), "NULL", query, (), is_own_query=True)


def _found_by_change(kwargs: Kwargs, table: str, changed: Changed) -> list[str]:
    """Of a query that finds rows `by` a key only keys of changed rows can have come to be found.

    The query then reads the rows of these keys only. Gives nothing when it names a table of which
    no changes are known.
    """
    import sqlglot
    from sqlglot.expressions import Table

    if "by" not in kwargs:
        return []
    key = ", ".join(quote_name(name) for name in kwargs["by"])
    query = sqlglot.parse_one(kwargs["query"], dialect="duckdb")
    read = {node: f"{node.db}.{node.name}" for node in query.find_all(Table) if node.db}
    if not changed.keys() >= set(read.values()):
        return []
    keys = " UNION ALL ".join(
        f"SELECT {key} FROM {rows}" for name in sorted(set(read.values())) for rows in changed[name]
    )
    for node, name in read.items():
        rows = f"SELECT * FROM {quote_name(name)} SEMI JOIN ({keys}) USING ({key})"
        of_keys = sqlglot.parse_one(rows, dialect="duckdb")
        node.replace(of_keys.subquery(node.alias_or_name))
    return [f"(SELECT count(*) FROM ({query.sql(dialect='duckdb')}))"]


def _contain_set(kwargs: Kwargs, rows: str) -> RowRule:
    column = quote_name(kwargs["column"])
    wanted = ", ".join(f"({literal(value)})" for value in kwargs["value_set"])
    missing = (
        f"SELECT missing_value FROM (VALUES {wanted}) AS wanted(missing_value)"
        f" WHERE missing_value NOT IN (SELECT {column} FROM {rows} WHERE {column} IS NOT NULL)"
    )
    return RowRule(_count_of(missing), "NULL", missing, (), is_own_query=True)


def _same_row_count(kwargs: Kwargs, rows: str) -> RowRule:
    other = f"(SELECT count(*) FROM {quote_name(kwargs['other_table_name'])})"
    return RowRule(f"abs(count(*) - {other})", "NULL", failing_rows=None, columns=())


def _range_words(kwargs: Kwargs) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    at_least = f"{'more than' if kwargs.get('strict_min') else 'at least'} {low}"
    at_most = f"{'less than' if kwargs.get('strict_max') else 'at most'} {high}"
    if low is None:
        return at_most
    return at_least if high is None else f"{at_least} and {at_most}"


def _list_words(values: Sequence[object]) -> str:
    return ", ".join(str(value) for value in values)


_RANGE = ("min_value", "max_value", "strict_min", "strict_max")


def _range_measure(noun: str, required: tuple[str, ...] = ("column",)) -> ExpectationType:
    return ExpectationType(
        required, _RANGE, lambda k: f"{noun.format(**k)} must be {_range_words(k)}"
    )


# Types that judge rows may also carry `mostly`: the share of judged rows that must be good.
TYPES: Mapping[str, ExpectationType] = {
    # --- row rules in the words of Great Expectations --------------------------------------
    "expect_column_values_to_not_be_null": ExpectationType(
        ("column",),
        ("mostly",),
        lambda k: f"{k['column']} is empty",
        _not_null,
    ),
    "expect_column_values_to_be_null": ExpectationType(
        ("column",),
        ("mostly",),
        lambda k: f"{k['column']} is filled",
        _column_rule(lambda c, _: f"{c} IS NULL"),
    ),
    "expect_column_values_to_be_in_set": ExpectationType(
        ("column", "value_set"),
        ("mostly",),
        lambda k: f"{k['column']} is none of: {_list_words(k['value_set'])}",
        _column_rule(lambda c, k: f"{c} IN {_in_set(k)}"),
    ),
    "expect_column_values_to_not_be_in_set": ExpectationType(
        ("column", "value_set"),
        ("mostly",),
        lambda k: f"{k['column']} is one of: {_list_words(k['value_set'])}",
        _column_rule(lambda c, k: f"{c} NOT IN {_in_set(k)}"),
    ),
    "expect_column_values_to_be_between": ExpectationType(
        ("column",),
        (*_RANGE, "mostly"),
        lambda k: f"{k['column']} is not {_range_words(k)}",
        _column_rule(_between),
    ),
    "expect_column_value_lengths_to_be_between": ExpectationType(
        ("column",),
        (*_RANGE, "mostly"),
        lambda k: f"the length of {k['column']} is not {_range_words(k)}",
        _column_rule(lambda c, k: _between(f"length({c})", k)),
    ),
    "expect_column_values_to_match_regex": ExpectationType(
        ("column", "regex"),
        ("mostly",),
        lambda k: f"{k['column']} does not match {k['regex']}",
        _column_rule(lambda c, k: f"regexp_matches({c}, {literal(k['regex'])})"),
    ),
    "expect_column_values_to_not_match_regex": ExpectationType(
        ("column", "regex"),
        ("mostly",),
        lambda k: f"{k['column']} matches {k['regex']}",
        _column_rule(lambda c, k: f"NOT regexp_matches({c}, {literal(k['regex'])})"),
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": ExpectationType(
        ("column_A", "column_B"),
        ("or_equal", "mostly"),
        lambda k: (
            f"{k['column_A']} is not greater than "
            f"{'or equal to ' if k.get('or_equal') else ''}{k['column_B']}"
        ),
        _pair_rule(lambda k: ">=" if k.get("or_equal") else ">"),
    ),
    "expect_column_pair_values_to_be_equal": ExpectationType(
        ("column_A", "column_B"),
        ("mostly",),
        lambda k: f"{k['column_A']} differs from {k['column_B']}",
        _pair_rule(lambda _: "IS NOT DISTINCT FROM"),
    ),
    "expect_column_values_to_be_unique": ExpectationType(
        ("column",),
        (),
        lambda k: f"{k['column']} occurs more than once",
        _unique,
        _repeated_by_change,
    ),
    "expect_compound_columns_to_be_unique": ExpectationType(
        ("column_list",),
        (),
        lambda k: f"the same {_list_words(k['column_list'])} occur more than once",
        _unique,
        _repeated_by_change,
    ),
    "expect_column_distinct_values_to_contain_set": ExpectationType(
        ("column", "value_set"),
        (),
        lambda k: f"values missing from {k['column']} of {_list_words(k['value_set'])}",
        _contain_set,
    ),
    "expect_table_row_count_to_equal_other_table": ExpectationType(
        ("other_table_name",),
        (),
        lambda k: f"difference to the row count of {k['other_table_name']}",
        _same_row_count,
    ),
    # --- row rules of our own --------------------------------------------------------------
    "expect_rows_to_satisfy": ExpectationType(
        ("condition",),
        ("show", "sample_query", "mostly"),
        lambda k: f"not true: {' '.join(k['condition'].split())}",
        _satisfy,
    ),
    "expect_reference_to_exist": ExpectationType(
        ("column", "to_table"),
        ("to_column", "deleted_in", "mostly"),
        lambda k: (
            f"{_list_words(_as_list(k['column']))} is not found in {k['to_table']} "
            f"({_list_words(target_columns(k))})"
        ),
        _reference,
        _orphans_by_change,
    ),
    "expect_query_to_return_no_rows": ExpectationType(
        ("query",),
        ("by",),
        lambda _: "rows found by a query that must find none",
        _no_rows,
        _found_by_change,
    ),
    # --- measures --------------------------------------------------------------------------
    "expect_table_row_count_to_be_between": _range_measure("row count", ()),
    "expect_table_row_count_to_equal": ExpectationType(
        ("value",), (), lambda k: f"row count must be {k['value']}"
    ),
    "expect_table_columns_to_match_set": ExpectationType(
        ("column_set",),
        ("exact_match",),
        lambda k: (
            f"columns must {'include' if k.get('exact_match') is False else 'be'} "
            f"{_list_words(k['column_set'])}"
        ),
    ),
    "expect_column_min_to_be_between": _range_measure("smallest {column}"),
    "expect_column_max_to_be_between": _range_measure("largest {column}"),
    "expect_column_mean_to_be_between": _range_measure("mean of {column}"),
    "expect_column_median_to_be_between": _range_measure("median of {column}"),
    "expect_column_stdev_to_be_between": _range_measure("standard deviation of {column}"),
    "expect_column_sum_to_be_between": _range_measure("sum of {column}"),
    "expect_column_unique_value_count_to_be_between": _range_measure(
        "number of distinct values of {column}"
    ),
    "expect_column_proportion_of_unique_values_to_be_between": _range_measure(
        "share of distinct values of {column}"
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": _range_measure(
        "share of filled {column}"
    ),
}

ROW_COUNT_TYPES = frozenset(
    {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}
)
