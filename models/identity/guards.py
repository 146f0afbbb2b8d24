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


def flags_of(grain: Grain) -> str:
    """Return SQL over `a` and `b` with a bit per condition that holds."""
    return " + ".join(
        f"case when {condition} then {1 << bit} else 0 end"
        for bit, condition in enumerate(conditions_of(grain).values())
    )


def guard_pairs(con: duckdb.DuckDBPyConnection, grain: Grain) -> None:
    """Make the view `guarded_pairs`: `likely_pairs` with a column per condition that may hold."""
    columns = {name: f"flags & {1 << bit} != 0" for bit, name in enumerate(conditions_of(grain))}
    if "household_if_twins" in columns:
        perhaps = f"({columns['household_if_twins']}) and not ({columns['household']})"
        con.execute(
            f"""
            create or replace table twins as
            with perhaps as (
                select record_number, hash(given_name, family_name, birth_date) as born
                from records
                where record_number in (
                    select unnest([record_number_a, record_number_b])
                    from likely_pairs where {perhaps}
                )
                and birth_date is not null
            ),
            born_alike as (
                select hash(given_name, family_name, birth_date) as born
                from records
                where birth_date is not null and born in (select born from perhaps)
                group by born having count(*) > 1
            )
            select record_number from perhaps where born in (from born_alike)
            """
        )
        columns["household"] += (
            f" or ({perhaps}) and record_number_a in (from twins) "
            "and record_number_b in (from twins)"
        )
    guarded = ", ".join(f"{condition} as {name}" for name, condition in columns.items())
    con.execute(
        "create or replace view guarded_pairs as "
        f"select * exclude (flags), {guarded} from likely_pairs"
    )
