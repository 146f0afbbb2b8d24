"""Suites of the raw layer, made from export contracts instead of files.

Belongs here: what every export must fulfil, whatever it holds. Does not: reading contracts
(orchestration/lib/contracts.py) and what the values mean (the staging suites).

Two kinds of suites: one over the system's rows of audit.input_files, which judges files, and one
per object over its raw view, which judges what was landed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from expectations.suites import Expectation, Suite, check_name
from expectations.vocabulary import literal, quote_name

_REDELIVER = (
    "Correct the export at the source, put the new file into landing, remove the bad one and run "
    "again; a file that was never published leaves no trace once it is gone from landing."
)


@dataclass(frozen=True)
class RawObject:
    """What the raw gate needs to know of one object of an export contract.

    `not_null` are the columns beside the key that must be filled. `masked_columns` hold personal
    data. `mode` is full or delta: only full exports are compared with the one before, without the
    files that `delta_files` matches (as the contract does). Of rows of one key the time of their
    file decides, then the column `watermark`; `columns` are all that the object has, and
    `deleted_flag` is the one that says of a record that it is gone.
    `quarantine_ceiling` is the share (0-1) of a file's rows that may be quarantined.
    """

    name: str
    key: tuple[str, ...]
    not_null: tuple[str, ...]
    mode: str
    required: bool
    quarantine_ceiling: float
    min_rows: int = 1
    masked_columns: frozenset[str] = frozenset()
    delta_files: tuple[str, ...] = ()
    watermark: str | None = None
    deleted_flag: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns that say something of a record: not which it is, when it changed or ended."""
        others = {*self.key, self.watermark, self.deleted_flag}
        return tuple(column for column in self.columns if column not in others)


def raw_suites(
    system: str,
    objects: Sequence[RawObject],
    *,
    owner: str,
    largest_shrink: float,
) -> list[Suite]:
    """Make the suites of one system's raw gate, files first.

    `largest_shrink` is a share (0-1) from company.yml.
    """
    files = _files_suite(system, objects, owner, largest_shrink)
    return [files, *(_object_suite(system, an_object, owner) for an_object in objects)]


def _object_suite(system: str, an_object: RawObject, owner: str) -> Suite:
    least = an_object.min_rows if an_object.required else 0
    filled = dict.fromkeys((*an_object.key, *an_object.not_null))
    return Suite(
        table=f"raw.{system}__{an_object.name}",
        primary_key=an_object.key,
        owner=owner,
        description=f"Rows of {system}/{an_object.name} as they were exported.",
        expectations=(
            _critical(
                "expect_table_row_count_to_be_between",
                {"min_value": least},
                "Too few rows arrived for this object.",
                f"Export {an_object.name} from {system} again and put it into landing/{system}/.",
            ),
            *(
                _critical(
                    "expect_column_values_to_not_be_null",
                    {"column": column},
                    "The export contract says that this cell is always filled.",
                    _REDELIVER,
                )
                for column in filled
            ),
        ),
    )


def _ceiling(objects: Sequence[RawObject], column: str) -> str:
    """Write the share of a file's rows that may be quarantined, by the object in a column."""
    usual = Counter(o.quarantine_ceiling for o in objects).most_common(1)[0][0]
    whens = [
        f"WHEN {literal(o.name)} THEN {o.quarantine_ceiling}"
        for o in objects
        if o.quarantine_ceiling != usual
    ]
    return f"(CASE {column} {' '.join(whens)} ELSE {usual} END)" if whens else str(usual)


def _shares(objects: Sequence[RawObject]) -> str:
    """Say which shares of their files may be quarantined."""
    shares = sorted({an_object.quarantine_ceiling for an_object in objects})
    if len(shares) == 1:
        return f"{100 * shares[0]:g} %"
    return ", ".join(
        f"{100 * share:g} % ({' '.join(o.name for o in objects if o.quarantine_ceiling == share)})"
        for share in shares
    )


def _files_suite(
    system: str,
    objects: Sequence[RawObject],
    owner: str,
    largest_shrink: float,
) -> Suite:
    file = ["object", "file_name"]
    counts = [*file, "rows_in_file", "rows_loaded", "rows_quarantined"]
    bad_rows = _first_bad_rows(system, objects)
    expectations = [
        _critical(
            "expect_table_row_count_to_be_between",
            {"min_value": 1 if any(o.required for o in objects) else 0},
            "No export file is there.",
            f"Put the exports into landing/{system}/ and run again.",
            name=f"any_file_has_arrived({system})",
        ),
        _critical(
            "expect_rows_to_satisfy",
            {"condition": "status <> 'refused'", "show": [*file, "message", "remedy"]},
            "A file could not be read and nothing of it was loaded.",
            _REDELIVER,
            name=f"no_file_is_refused({system})",
        ),
        _warning(
            "expect_rows_to_satisfy",
            {"condition": "status <> 'unrecognised'", "show": ["file_name", "message", "remedy"]},
            "Files that match no object of the contract are left out; the rest is not affected.",
            "Rename the file as the contract says, add its pattern to the contract, or remove it.",
            name=f"every_file_is_recognised({system})",
        ),
        _critical(
            "expect_rows_to_satisfy",
            {"condition": "rows_in_file = rows_loaded + rows_quarantined", "show": counts},
            "Rows were lost or doubled between the file and raw.",
            "This is a fault of the reader, not of the file: keep the file and report it.",
            name=f"no_row_is_lost_on_reading({system})",
        ),
        _critical(
            "expect_rows_to_satisfy",
            {
                "condition": "rows_quarantined - rows_released <= "
                f"{_ceiling(objects, 'object')} * rows_in_file",
                "sample_query": bad_rows.format(
                    least=f"{_ceiling(objects, 'f.object')} * f.rows_in_file"
                ),
            },
            f"More than {_shares(objects)} of a file's rows cannot be used.",
            "The first bad rows are listed with line and column. " + _REDELIVER + " To accept "
            "such files raise quarantine_ceiling in company.yml, or quarantine_ceilings for "
            "single objects.",
            name=f"quarantine_stays_below_ceiling({system})",
        ),
        _warning(
            "expect_rows_to_satisfy",
            {
                "condition": "rows_quarantined = rows_released",
                "sample_query": bad_rows.format(least="0"),
            },
            "Some rows cannot be used; the ceiling decides when that stops the run.",
            "All of them are in audit.quarantine: have them corrected at the source.",
            name=f"no_row_is_quarantined({system})",
        ),
        _warning(
            "expect_rows_to_satisfy",
            {"condition": "status <> 'loaded' OR message IS NULL", "show": [*file, "message"]},
            "What was decided on a file may be wrong: it was likely, not certain.",
            "Look at the message and declare in the contract what it names.",
            name=f"no_file_is_read_by_guess({system})",
        ),
        _warning(
            "expect_rows_to_satisfy",
            {"condition": "len(columns_added) = 0", "show": [*file, "columns_added"]},
            "A file has columns that the contract does not know; they are in source_metadata.",
            "Add them to the contract, or to the aliases of the column they are.",
            name=f"no_file_adds_columns({system})",
        ),
        _warning(
            "expect_query_to_return_no_rows",
            {"query": _lost_columns(system)},
            "A file lacks columns that other files of the object have; they are NULL in its rows.",
            "If a column was renamed add its name to the aliases in the contract.",
            name=f"no_file_loses_columns({system})",
        ),
    ]
    required = [o.name for o in objects if o.required]
    if required:
        expectations.append(
            _critical(
                "expect_query_to_return_no_rows",
                {"query": _missing_objects(system, required)},
                "A required object has no file that could be loaded.",
                f"Export the objects listed and put them into landing/{system}/.",
                name=f"every_required_object_has_arrived({system})",
            )
        )
    full = [o for o in objects if o.mode == "full"]
    if full:
        expectations.append(
            _critical(
                "expect_query_to_return_no_rows",
                {"query": _shrunken_exports(system, full, largest_shrink)},
                f"The newest full export lost more than {100 * largest_shrink:g} % of its rows.",
                "Probably the export was filtered or cut off: export again. If the rows are "
                "really gone, raise largest_shrink in company.yml for one run.",
                name=f"no_full_export_shrinks_suddenly({system})",
            )
        )
        expectations.append(
            _warning(
                "expect_query_to_return_no_rows",
                {"query": _fewer_parts(system, full)},
                "The newest full export has fewer files than the one before: what the missing "
                "ones held counts as deleted.",
                "If the export comes in parts, put the missing ones into landing and run again.",
                name=f"every_part_of_a_full_export_is_there({system})",
            )
        )
    keyed = [o for o in objects if o.key and o.columns]
    described = [o for o in keyed if o.attributes]
    if described:
        expectations.append(
            _critical(
                "expect_query_to_return_no_rows",
                {"query": " UNION ALL ".join(_bare_keys(system, o) for o in described)},
                "A file names records and says nothing of them, as other files of the object do: "
                "it would empty them.",
                "A list of ids is no export: remove it from landing, and export the records with "
                "their columns. If it lists deleted records, give it the column that says so "
                "(deleted_flag in the contract), true in every row.",
                name=f"no_file_is_a_list_of_keys({system})",
            )
        )
    if keyed:
        expectations.append(
            _warning(
                "expect_query_to_return_no_rows",
                {"query": " UNION ALL ".join(_disagreeing(system, o) for o in keyed)},
                "Two files of one time say different things of a record; one of them counts, "
                "always the same, but nothing tells that it is the newer one.",
                "Put the time of the export into the names of the files, or declare the column "
                "that tells when a row was changed as the object's watermark.",
                name=f"no_two_files_of_one_time_disagree({system})",
            )
        )
    return Suite(
        table="audit.input_files",
        primary_key=("file_name",),
        owner=owner,
        description=f"Export files of {system}.",
        expectations=tuple(expectations),
        where=f"system = {literal(system)}",
    )


def _critical(
    expectation_type: str, kwargs: dict[str, object], message: str, remedy: str, name: str = ""
) -> Expectation:
    name = name or check_name(expectation_type, kwargs)
    return Expectation(name, expectation_type, kwargs, "critical", message, remedy)


def _warning(
    expectation_type: str, kwargs: dict[str, object], message: str, remedy: str, name: str
) -> Expectation:
    return Expectation(name, expectation_type, kwargs, "warning", message, remedy)


def _first_bad_rows(system: str, objects: Sequence[RawObject]) -> str:
    """Query the quarantined rows of files with more than `{least}` of them.

    Values of columns with personal data are masked here, because the column is known only here;
    a value whose column is not known may come from any of them.
    """
    personal = [
        f"({literal(o.name)}, {literal(column)})"
        for o in objects
        for column in sorted(o.masked_columns)
    ]
    is_personal = (
        f"(q.column_name IS NULL OR (q.object, q.column_name) IN ({', '.join(personal)}))"
        if personal
        else "FALSE"
    )
    masked = "left(q._value, 1) || '***'"
    return (
        "SELECT q.file_name, q.row_number, q.line_number, q.column_name,"
        f" CASE WHEN {is_personal} THEN {masked} ELSE q._value END AS value, q.reason,"
        f" CASE WHEN {is_personal} AND q._value <> '' THEN replace(q.message, q._value, {masked})"
        " ELSE q.message END AS message"
        " FROM audit.quarantine AS q JOIN audit.input_files AS f"
        " ON f.system = q.system AND f.object = q.object AND f.file_name = q.file_name"
        f" WHERE f.system = {literal(system)} AND q.released_by IS NULL"
        " AND f.rows_quarantined - f.rows_released > {least}"
    )


def _lost_columns(system: str) -> str:
    """Query the optional columns that a file lacks and another file of its object has."""
    return (
        "SELECT f.object, f.file_name, c.column_name FROM audit.input_files AS f,"
        " unnest(f.columns_missing) AS c(column_name)"
        f" WHERE f.system = {literal(system)} AND f.status = 'loaded' AND EXISTS"
        " (SELECT 1 FROM audit.input_files AS g WHERE g.system = f.system"
        " AND g.object = f.object AND g.status = 'loaded'"
        " AND NOT list_contains(g.columns_missing, c.column_name))"
    )


def _bare_keys(system: str, an_object: RawObject) -> str:
    """Query the files without any attribute, beside others with some, whose records still live.

    Where there is no such file no rows are read.
    """
    attributes = ", ".join(literal(name) for name in an_object.attributes)
    return (
        f"SELECT {literal(an_object.name)} AS object, _file_name AS file_name, count(*) AS records"
        f" FROM raw.{quote_name(f'{system}__{an_object.name}')} WHERE _file_name IN ("
        "SELECT file_name FROM (SELECT file_name, is_bare, bool_and(is_bare) OVER () AS are_all"
        f" FROM (SELECT file_name, list_has_all(columns_missing, [{attributes}]) AS is_bare"
        f" FROM audit.input_files WHERE system = {literal(system)}"
        f" AND object = {literal(an_object.name)} AND status = 'loaded'))"
        " WHERE is_bare AND NOT are_all)"
        " AND NOT _is_deleted GROUP BY _file_name"
    )


def _missing_objects(system: str, required: Sequence[str]) -> str:
    names = ", ".join(f"({literal(name)})" for name in required)
    return (
        f"SELECT required.object FROM (VALUES {names}) AS required(object) WHERE NOT EXISTS"
        f" (SELECT 1 FROM audit.input_files AS f WHERE f.system = {literal(system)}"
        " AND f.object = required.object AND f.status = 'loaded')"
    )


def _fewer_parts(system: str, full: Sequence[RawObject]) -> str:
    """Compare the number of files of the newest full export with that of the one before."""
    return (
        "SELECT object, file_name, exported_at, files_before, files_now"
        f" FROM ({_full_exports(system, full)})"
        " WHERE age = 1 AND files_now < files_before"
    )


def _shrunken_exports(system: str, full: Sequence[RawObject], largest_shrink: float) -> str:
    """Compare the newest full export of each object with the one before.

    Earlier shrinks were judged in their time.
    """
    return (
        "SELECT object, file_name, exported_at, rows_before, rows_now"
        f" FROM ({_full_exports(system, full)})"
        f" WHERE age = 1 AND rows_now < {1 - largest_shrink} * rows_before"
    )


def _full_exports(system: str, full: Sequence[RawObject]) -> str:
    """Query the full exports of each object beside the one before; the newest is of age 1.

    Files of one export time are parts of one export, which is named by the first of them.
    """
    is_full = " OR ".join(
        f"(object = {literal(o.name)}{''.join(map(_does_not_match, o.delta_files))})" for o in full
    )
    return (
        "SELECT object, min(file_name) AS file_name, exported_at,"
        " sum(rows_in_file) AS rows_now, count(*) AS files_now,"
        " lag(sum(rows_in_file)) OVER (PARTITION BY object ORDER BY exported_at) AS rows_before,"
        " lag(count(*)) OVER (PARTITION BY object ORDER BY exported_at) AS files_before,"
        " row_number() OVER (PARTITION BY object ORDER BY exported_at DESC) AS age"
        f" FROM audit.input_files WHERE system = {literal(system)} AND status = 'loaded'"
        f" AND ({is_full}) GROUP BY object, exported_at"
    )


def _disagreeing(system: str, an_object: RawObject) -> str:
    """Query the files of one time, the newest or none, in which a key has different cells.

    Where no two files share a time nothing is read.
    """
    of_key = [*an_object.key, "_exported_at", *filter(None, [an_object.watermark])]
    cells = ", ".join(quote_name(name) for name in an_object.columns)
    return (
        f"SELECT {literal(an_object.name)} AS object, one_file, other_file, count(*) AS records"
        " FROM (SELECT min(_file_name) AS one_file, max(_file_name) AS other_file"
        f" FROM raw.{quote_name(f'{system}__{an_object.name}')} WHERE _file_name IN ("
        "SELECT file_name FROM (SELECT file_name, exported_at_source,"
        " count(*) OVER (PARTITION BY exported_at) AS files,"
        " exported_at = max(exported_at) OVER () AS is_newest FROM audit.input_files"
        f" WHERE system = {literal(system)} AND object = {literal(an_object.name)}"
        " AND status = 'loaded' AND times_replaced = 0)"
        " WHERE files > 1 AND (is_newest OR exported_at_source = 'none'))"
        " AND NOT _is_deleted AND NOT starts_with(_content_hash, '-')"
        f" GROUP BY {', '.join(map(quote_name, of_key))} HAVING count(DISTINCT _content_hash) > 1"
        f" AND count(DISTINCT hash({cells})) > 1) GROUP BY ALL"
    )


def _does_not_match(pattern: str) -> str:
    """Write that a name does not fit a pattern; one with a slash is held against the path."""
    name = r"regexp_replace(lower(file_name), '\.gz$', '')"
    own = name if "/" in pattern else f"regexp_extract({name}, '[^/]*$')"
    return f" AND NOT {own} GLOB {literal(pattern.lower())}"
