"""Why a customer is one customer, and from which rows a number comes.

Belongs here: reading the published version (and, for rows, the last good build) and turning it into
an answer for people or machines. Does not: deciding anything. Personal data is masked.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.lineage import Lineage, way_back

ROWS_SHOWN = 20
_LINEAGE_IS_GONE = "not known: the project has changed since it ran last; a run finds it again"

# Why two records were held apart, as a person who has not read the design says it.
_GUARDS = {
    "answered_different": "a person has answered that they are two",
    "birth_dates_differ": "the birth dates differ by more than a misprint",
    "branches": "one name in two cities: branches",
    "generations_differ": "one is the elder, the other the younger of one name",
    "household": "one home, two given names: people who live together",
    "names_differ": "the names differ",
    "names_not_known": "one of the two gives no name, and a phone alone is shared too often",
    "names_only": "nothing but the names agrees",
    "parent_and_child": "one is the parent organisation of the other",
    "person_and_organisation": "one is a person, the other an organisation",
    "reached_elsewhere": "nothing but the names agrees, and each has a mailbox or phone of its own",
    "several_of_the_name": "more firms than one bear the name",
    "shared_by_people": "several people share the mailbox",
    "too_many_records": "likeness alone would make a customer of too many records",
    "unique_ids_differ": "their customers would hold two ids of which everybody has one",
    "websites_differ": "each firm has a website of its own",
}

_RECORD = "{0}.source_system || ':' || {0}.source_record_id"


class UnknownCustomerError(LookupError):
    """Nobody of that name is published; the message says what can be asked for."""


class UnknownNumberError(LookupError):
    """No such table, column or row is published; the message names what is."""


def explain_customer(
    con: duckdb.DuckDBPyConnection, asked: str, personal: frozenset[str]
) -> dict[str, Any]:
    """Return records, links, guards, conflicts and history of keys of one customer.

    `asked` is a customer key, a key that was replaced, a record as `system:id`, or an e-mail
    address in normal form. `personal` names the columns of `dim_customers` to mask. Raises
    UnknownCustomerError.
    """
    key, found_by = _find_customer(con, asked)
    (profile,) = _rows(con, "select * from marts.dim_customers where customer_key = ?", key)
    links = _rows(
        con,
        "select source_system_a || ':' || source_record_id_a as record_a, "
        "source_system_b || ':' || source_record_id_b as record_b, customer_key_a, "
        "customer_key_b, link_rule, link_score, evidence, outcome, guard, answer "
        "from marts.identity_links where customer_key_a = $1 or customer_key_b = $1 "
        "order by outcome, link_score desc, record_a, record_b, link_rule",
        key,
    )
    attributes = _rows(
        con,
        f"select attribute, {_RECORD.format('s')} as record, survived_by, count_statements, "
        "count_values from marts.customer_attribute_sources as s where customer_key = ? "
        "order by attribute",
        key,
    )
    return {
        "customer_key": key,
        "found_by": found_by,
        "profile": {
            name: _masked(value) if name in personal else value
            for name, value in profile.items()
            if value is not None and name != "customer_key"
        },
        "records": _rows(
            con,
            f"select {_RECORD.format('i')} as record, source_object, link_rule, link_score, "
            "is_reviewed, count_links, count_refused_links from marts.customer_identities as i "
            "where customer_key = ? order by record",
            key,
        ),
        "joined": [link for link in links if link["outcome"] == "joined"],
        "refused": [link for link in links if link["outcome"] == "refused"],
        "to_review": [link for link in links if link["outcome"] == "to_review"],
        "attributes": attributes,
        "conflicts": [a["attribute"] for a in attributes if a["count_values"] > 1],
        "permissions": _rows(
            con,
            "select channel, purpose, is_granted, count_statements, count_refusals "
            "from marts.customer_contact_permissions where customer_key = ? "
            "order by channel, purpose",
            key,
        ),
        "organisations": [
            row | {"organisation": _masked(row["organisation"])}
            for row in _rows(
                con,
                "select role, o.organisation_kind, organisation_key, organisation_name as "
                "organisation, evidence, parent_organisation_key, count_subsidiaries, "
                "count_persons from marts.customer_relationships as r "
                "inner join marts.dim_organisations as o using (organisation_key) "
                "where r.customer_key = ? order by role, organisation_key",
                key,
            )
        ],
        "changes_of_keys": _rows(
            con,
            "select changed_on, change_kind, former_key, customer_key, count_records "
            "from audit.identity_changes where $1 in (former_key, customer_key, current_key) "
            "order by changed_on, former_key, customer_key",
            key,
        ),
        "former_keys": [
            row["former_key"]
            for row in _rows(
                con,
                "select former_key from marts.customer_key_redirects where customer_key = ? "
                "order by former_key",
                key,
            )
        ],
    }


def _find_customer(con: duckdb.DuckDBPyConnection, asked: str) -> tuple[str, str]:
    for found_by, query in (
        ("key", "select customer_key from marts.dim_customers where customer_key = ?"),
        (
            "key that was replaced",
            "select customer_key from marts.customer_key_redirects where former_key = ?",
        ),
        (
            "record",
            f"select customer_key from marts.customer_identities as i "
            f"where {_RECORD.format('i')} = ?",
        ),
        (
            "record that its system merged into one of these",
            f"select customer_key from marts.customer_key_redirects as r "
            f"where {_RECORD.format('r')} = ?",
        ),
        (
            "e-mail",
            "select customer_key from marts.dim_customers where email = lower(trim(?)) "
            "order by customer_key",
        ),
        (
            "key that was published before",
            "select distinct current_key from audit.identity_changes "
            "where former_key = ? and current_key is not null order by current_key",
        ),
    ):
        found = con.execute(query, [asked]).fetchall()
        if len(found) > 1:
            keys = ", ".join(key for (key,) in found)
            raise UnknownCustomerError(f"{len(found)} customers share it; ask by key: {keys}")
        if found:
            return str(found[0][0]), found_by
    gone = con.execute(
        "select max(changed_on), max_by(count_records, changed_on) from audit.identity_changes "
        "where former_key = ? having count(*) > 0",
        [asked],
    ).fetchone()
    if gone:
        raise UnknownCustomerError(
            f"{asked} was a customer of {gone[1]} records until {gone[0]}: from then on the "
            "exports hold none of them, and the key was not given to anybody else"
        )
    raise UnknownCustomerError(
        f"no customer is called {asked!r}: give a customer_key, one it had before, a record as "
        "system:id, or an e-mail address"
    )


def customer_text(found: Mapping[str, Any]) -> str:
    """Return the explanation of a customer as a person reads it."""
    profile = found["profile"]
    key = found["customer_key"]
    lines = [
        f"Customer {key} (found by {found['found_by']})",
        "  "
        + ", ".join(
            str(profile[name])
            for name in ("customer_name", "customer_type", "email", "city", "country_code")
            if name in profile
        ),
        "",
        f"Records ({len(found['records'])})",
        *(
            f"  {r['record']:<40} {r['source_object']:<12} {r['link_rule']} {r['link_score']:.3f}"
            f"{'  reviewed' if r['is_reviewed'] else ''}"
            for r in found["records"]
        ),
    ]
    # A pair that a guard refused may be joined by other links nevertheless.
    inside = [link for link in found["refused"] if link["customer_key_a"] == link["customer_key_b"]]
    outside = [link for link in found["refused"] if link not in inside]
    for title, links in (
        ("Joined by", found["joined"]),
        ("Not joined, and why", outside),
        ("Refused as a link, but joined by others", inside),
        ("To be answered by a person", found["to_review"]),
    ):
        if links:
            lines += ["", f"{title} ({len(links)})"]
            lines += [_link_text(link, key) for link in links[:ROWS_SHOWN]]
            if len(links) > ROWS_SHOWN:
                lines.append(f"  … and {len(links) - ROWS_SHOWN} more: --json shows all")
            guards = {str(link["guard"]) for link in links if link["guard"]}
            lines += [f"  {guard}: {_GUARDS[guard]}" for guard in sorted(guards)]
    if found["attributes"]:
        lines += ["", "Attributes and the record they come from"]
        lines += [
            f"  {a['attribute']:<18} {a['record']:<40} {a['survived_by']}"
            + (f", {a['count_values']} different values" if a["count_values"] > 1 else "")
            for a in found["attributes"]
        ]
    if found["permissions"]:
        lines += ["", "Permissions (one refusal is enough)"]
        lines += [
            f"  {p['channel']} {p['purpose']}: {'granted' if p['is_granted'] else 'refused'} "
            f"({p['count_refusals']} of {p['count_statements']} records refuse)"
            for p in found["permissions"]
        ]
    if found["organisations"]:
        lines += ["", "Organisations and households"]
        lines += [_organisation_text(organisation) for organisation in found["organisations"]]
    if found["changes_of_keys"]:
        lines += ["", "Changes since earlier versions"]
        lines += [
            f"  {c['changed_on']} {c['change_kind']}: records moved {c['count_records']}, from "
            f"{c['former_key']} to {c['customer_key'] or 'nobody'}"
            for c in found["changes_of_keys"]
        ]
    if found["former_keys"]:
        lines += ["", "Former keys", *(f"  {former}" for former in found["former_keys"])]
    return "\n".join(lines)


def _organisation_text(organisation: Mapping[str, Any]) -> str:
    kind, name = organisation["organisation_kind"], organisation["organisation"]
    above, below = organisation["parent_organisation_key"], organisation["count_subsidiaries"]
    parts = [
        f"  {organisation['role']} of the {kind} {name} {organisation['organisation_key']}"
        if organisation["role"] != "organisation"
        else f"  is the {kind} {name}, {organisation['count_persons']} persons",
        f"by {organisation['evidence']}",
        f"part of {above}" if above else "",
        f"above {below} others" if below else "",
    ]
    return ", ".join(part for part in parts if part)


def _link_text(link: Mapping[str, Any], key: str) -> str:
    other = link["customer_key_b" if link["customer_key_a"] == key else "customer_key_a"]
    sign = "=" if link["outcome"] == "joined" else "?"
    parts = [f"  {link['record_a']} {sign} {link['record_b']}: {link['link_rule']}"]
    parts.append(f"{link['link_score']:.3f}")
    parts += [str(link[name]) for name in ("guard", "answer") if link[name]]
    systems = {link[name].partition(":")[0] for name in ("record_a", "record_b")}
    if link["link_rule"] == "external_id" and len(systems) == 1:
        parts.append(f"merged or converted in {systems.pop()} itself")
    # What one of the records does not state weighs nothing.
    weights = (link["evidence"] or "").split(", ")
    parts.append(", ".join(weight for weight in weights if not weight.endswith("+0.0")))
    if other != key:
        parts.append(f"customer {other}")
    return "  ".join(part for part in parts if part)


def explain_number(
    published: duckdb.DuckDBPyConnection,
    build: Path,
    lineage: Lineage,
    table: str,
    key: str,
    column: str,
    key_columns: Sequence[str],
) -> dict[str, Any]:
    """Return one published value, what it is computed from and the rows of the files behind it.

    `key` is the value of the table's key; the parts of a compound key are separated by commas, an
    empty one is NULL. Rows are read from the staging tables of the last good build, `ROWS_SHOWN` of
    them per table: those of the record, where the key names one of a system (an order), else of the
    customer the value belongs to; a value that belongs to neither gets the columns only. Raises
    UnknownNumberError.
    """
    value, customer_key, description = _published_value(published, table, key, column, key_columns)
    record = dict(zip(key_columns, _parts(key), strict=True))
    system = record.pop("source_system", None)
    sources = way_back(lineage, f"marts.{table}", column)
    staged: dict[str, list[str]] = {}
    for name, of in sources:
        if name.startswith("staging."):
            staged.setdefault(name, []).append(of)
    return {
        "table": table,
        "key": key,
        "column": column,
        "value": value,
        "description": description,
        "customer_key": customer_key,
        "computed_from": sorted(
            {
                f"{name}.{of}"
                for name, of in sources
                if name not in lineage
                and of != "*"
                and (system is None or not name.startswith("raw.") or _system(name) == system)
            }
        ),
        "rows": _staged_rows(build, staged, _rows_asked(published, customer_key, system, record)),
    }


def _parts(key: str) -> list[str | None]:
    """Take a key apart; a part that is empty is NULL."""
    return [part.strip() or None for part in key.split(",")]


def _system(table: str) -> str:
    """Return the system of a raw or staging table: `staging.stg_desk__orders` is of desk."""
    return table.partition(".")[2].removeprefix("stg_").split("__")[0]


def _published_value(
    con: duckdb.DuckDBPyConnection, table: str, key: str, column: str, key_columns: Sequence[str]
) -> tuple[Any, str | None, str | None]:
    columns = dict(
        con.execute(
            "select column_name, comment from duckdb_columns() "
            "where schema_name = 'marts' and table_name = ?",
            [table],
        ).fetchall()
    )
    if not columns:
        tables = "select table_name from duckdb_tables() where schema_name = 'marts'"
        names = sorted(name for (name,) in con.execute(tables).fetchall())
        near = get_close_matches(table, names, n=3) or [name for name in names if table in name]
        hint = f"; is it {' or '.join(near)}?" if near else ""
        raise UnknownNumberError(f"no table {table} is published{hint}")
    if column not in columns:
        raise UnknownNumberError(f"{table} has no column {column}; it has {', '.join(columns)}")
    parts = _parts(key)
    if len(parts) != len(key_columns):
        raise UnknownNumberError(
            f"the key of {table} is {', '.join(key_columns)}: give {len(key_columns)} values "
            "separated by commas, nothing between two commas for NULL"
        )
    customer = "customer_key" if "customer_key" in columns else "null"
    where = " and ".join(
        f'cast("{name}" as varchar) is not distinct from ?' for name in key_columns
    )
    found = con.execute(f'select "{column}", {customer} from marts.{table} where {where}', parts)
    row = found.fetchone()
    if row is None:
        raise UnknownNumberError(f"{table} has no row {key}")
    return row[0], row[1], columns[column]


def _rows_asked(
    published: duckdb.DuckDBPyConnection,
    customer_key: str | None,
    system: str | None,
    record: Mapping[str, str | None],
) -> list[tuple[str, Mapping[str, list[tuple[str, str]]]]]:
    """Return what the rows of a value are found by: whose they are, and values with their system.

    The first that a staging table has all columns of is taken.
    """
    asked: list[tuple[str, Mapping[str, list[tuple[str, str]]]]] = []
    if system is not None:
        named = {name: [(system, value)] for name, value in record.items() if value is not None}
        if named:
            asked.append(("record", named))
    if customer_key is not None:
        for column, query in (
            (
                "customer_id",
                "select source_system, source_record_id from marts.customer_identities "
                "where customer_key = ?",
            ),
            (
                "order_id",
                "select source_system, order_id from marts.fct_orders where customer_key = ?",
            ),
        ):
            found = published.execute(query, [customer_key]).fetchall()
            asked.append(("customer", {column: found}))
    return asked


def _staged_rows(
    build: Path,
    staged: Mapping[str, Sequence[str]],
    asked: Sequence[tuple[str, Mapping[str, list[tuple[str, str]]]]],
) -> list[dict[str, Any]]:
    """Return the rows of staging tables that are asked for, with file and row number."""
    found = []
    with duckdb.connect(str(build), read_only=True) as con:
        for table, columns in sorted(staged.items()):
            there = {
                name
                for (name,) in con.execute(
                    "select column_name from duckdb_columns() "
                    "where schema_name || '.' || table_name = ?",
                    [table],
                ).fetchall()
            }
            for whose, named in asked:
                if not (named.keys() <= there and "_file_name" in there):
                    continue
                shown = sorted(set(columns) & there - {*named, "*"})
                select = ", ".join([*named, *shown, "_file_name", "_row_number"])
                where = " and ".join(f"list_contains(?, cast({name} as varchar))" for name in named)
                own = [[of for name, of in ids if name == _system(table)] for ids in named.values()]
                rows = _rows(
                    con,
                    f"select {select} from {table} where {where} order by _file_name, _row_number",
                    *own,
                )
                found.append(
                    {"table": table, "of": whose, "count": len(rows), "rows": rows[:ROWS_SHOWN]}
                )
                break
    return [entry for entry in found if entry["count"]]


def number_text(found: Mapping[str, Any]) -> str:
    """Return the explanation of a number as a person reads it."""
    lines = [
        f"{found['table']}.{found['column']} of {found['key']} is {found['value']}",
        f"  {found['description'] or 'no description'}",
        "",
        "Computed from",
        *(f"  {name}" for name in found["computed_from"] or [_LINEAGE_IS_GONE]),
    ]
    for entry in found["rows"]:
        rows = "1 row" if entry["count"] == 1 else f"{entry['count']:,} rows"
        lines += ["", f"{entry['table']}: {rows} of this {entry['of']}"]
        for row in entry["rows"]:
            cells = ", ".join(f"{k} {v}" for k, v in row.items() if not k.startswith("_"))
            lines.append(f"  {row['_file_name']}, row {row['_row_number']:,}: {cells}")
        if entry["count"] > len(entry["rows"]):
            lines.append(f"  … and {entry['count'] - len(entry['rows'])} more")
    return "\n".join(lines)


def _masked(value: Any) -> str:
    from expectations.validate import mask

    return mask(value)


def _rows(con: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> list[dict[str, Any]]:
    result = con.execute(query, list(parameters))
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
