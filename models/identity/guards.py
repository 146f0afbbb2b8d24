"""What speaks against joining two records that are alike, whatever the scores say.

Belongs here: finding the guards that hold for a pair, which are kept from build to build. Does not:
the conditions (`comparisons`), which of them count in the end (`matching`).

They depend on what the two records state alone. Only whether several records bear the names and the
birth date of twins depends on others, and is looked up for the few pairs for which it matters.
"""

import re
from collections.abc import Mapping

import duckdb

from models.identity.comparisons import (
    GENERATIONS_DIFFER,
    HOUSEHOLD,
    NAMES_ONLY,
    NAMESAKES,
    OF_A_SERIES,
    ORGANISATION,
    REACHED_ELSEWHERE,
    SAYS_MORE,
    TENANTS,
    Grain,
)
from models.identity.kept_pairs import Kept, replace_kept


def conditions_of(grain: Grain) -> Mapping[str, str]:
    """Return what is found out about a pair of records, by name, as SQL over `a` and `b`."""
    balanced = f"{SAYS_MORE.format('a')} = {SAYS_MORE.format('b')}"
    if grain is ORGANISATION:
        return {"is_balanced": balanced, "tenants": TENANTS, "of_a_series": OF_A_SERIES}
    return {
        "is_balanced": balanced,
        "household": HOUSEHOLD.format(are_twins="false"),
        "household_if_twins": HOUSEHOLD.format(are_twins="true"),
        "namesakes": NAMESAKES,
        "generations_differ": GENERATIONS_DIFFER,
        "names_only": NAMES_ONLY,
        "reached_elsewhere": REACHED_ELSEWHERE,
    }


def columns_of(grain: Grain) -> set[str]:
    """Return the columns of the records on which the guards depend."""
    return set(re.findall(r"\b[ab]\.(\w+)", " ".join(conditions_of(grain).values())))


def write_guarded_pairs(con: duckdb.DuckDBPyConnection, grain: Grain, kept: Kept) -> None:
    """Write the table `guarded_pairs`: `likely_pairs` with a column per condition that may hold.

    What is kept of an earlier build is not looked at again; what is found is kept.
    """
    conditions = conditions_of(grain)
    flags = " + ".join(
        f"case when {condition} then {1 << bit} else 0 end"
        for bit, condition in enumerate(conditions.values())
    )
    pair = "record_number_a, record_number_b"
    con.execute(
        f"create or replace table known as from likely_pairs left join {kept.guards} using ({pair})"
    )
    con.execute(
        f"""
        create or replace table flagged as
        with unknown as (
            select * exclude (flags) from known where flags is null
        ),
        described as (
            select record_number, {", ".join(sorted(columns_of(grain)))}
            from records
            where record_number in (
                select record_number_a from unknown union all select record_number_b from unknown
            )
        )
        select * from known where flags is not null
        union all
        select unknown.*, {flags}
        from unknown
        inner join described as a on record_number_a = a.record_number
        inner join described as b on record_number_b = b.record_number
        """
    )
    replace_kept(con, kept.guards, f"select {pair}, flags from flagged")
    columns = ", ".join(f"flags & {1 << bit} != 0 as {name}" for bit, name in enumerate(conditions))
    con.execute(
        f"create or replace table guarded_pairs as select * exclude (flags), {columns} from flagged"
    )
    for table in ("known", "flagged"):
        con.execute(f"drop table {table}")
    if "household_if_twins" in conditions:
        con.execute(
            """
            create or replace table twins as
            with born_alike as (
                select hash(given_name, family_name, birth_date) as born
                from records where birth_date is not null
                group by born having count(*) > 1
            )
            select record_number
            from records
            where record_number in (
                select unnest([record_number_a, record_number_b])
                from guarded_pairs where household_if_twins and not household
            )
            and hash(given_name, family_name, birth_date) in (from born_alike)
            """
        )
        con.execute(
            "update guarded_pairs set household = true where household_if_twins and not household "
            "and record_number_a in (from twins) and record_number_b in (from twins)"
        )
