"""How two records agree and what speaks against joining them, judged pair by pair."""

from typing import Any

import duckdb
import pytest

from models.identity.comparisons import ORGANISATION, PERSON
from models.identity.guards import conditions_of
from models.identity.records import write_records

TEXTS = ("given_name", "family_name", "email", "phone", "street", "city", "postal_code",
         "birth_date", "national_id", "generation", "organisation_name")  # fmt: skip
# Names that many firms have in common.
CROWD = [{"organisation_name": f"family{number} day care center"} for number in range(6)]


def told(con: duckdb.DuckDBPyConnection, *records: dict[str, Any]) -> None:
    """Write the table `records`: those given, and firms that have some of their words, too."""
    rows = [*records, *CROWD]
    con.execute(
        "create table stated (record_number integer, is_organisation boolean, "
        f"name_forms varchar[], {', '.join(f'{text} varchar' for text in TEXTS)})"
    )
    for number, row in enumerate(rows, start=1):
        con.execute(
            f"insert into stated values (?, ?, ?{', ?' * len(TEXTS)})",
            [
                *(number, "organisation_name" in row, [row["given_name"]] if "given_name" in row
                  else None),
                *(row.get(text) for text in TEXTS),
            ],
        )  # fmt: skip
    write_records(con, "from stated", "records")


def guards_of(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    grain = ORGANISATION if "organisation_name" in one else PERSON
    with duckdb.connect() as con:
        told(con, one, other)
        conditions = conditions_of(grain)
        (row,) = con.execute(
            f"select {', '.join(conditions.values())} from records as a, records as b "
            "where a.record_number = 1 and b.record_number = 2"
        ).fetchall()
    return {name for name, holds in zip(conditions, row, strict=True) if holds} - {"is_balanced"}


def level_of(attribute: str, one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return the first level at which two organisations agree."""
    (levels,) = [a.levels for a in ORGANISATION.attributes if a.name == attribute]
    with duckdb.connect() as con:
        told(con, one, other)
        columns = [row[0] for row in con.execute("describe records").fetchall()]
        sides = ", ".join(f"{s}.{c} as {c}_{s}" for c in columns for s in "lr")
        cases = " ".join(f"when {level.condition} then '{level.name}'" for level in levels[:-1])
        return str(
            con.execute(
                f"select case {cases} else 'different' end from (select {sides} "
                "from records as l, records as r "
                "where l.record_number = 1 and r.record_number = 2)"
            ).fetchall()[0][0]
        )


def firm(name: str) -> dict[str, Any]:
    return {"organisation_name": name}


@pytest.mark.parametrize(
    ("one", "other", "guards"),
    [
        ("young scholars institute", "el valor young scholars", set()),
        ("bernard horwich center", "early services at bernard horwich", set()),
        ("ggve", "golden gate vazquez energy", set()),
        # Words that many have tell nobody apart, nor together.
        ("karen cruz day care", "greenview day care center", {"tenants"}),
        ("acme dental", "summit realty", {"tenants"}),
        # Which one of a series.
        ("mary crane north", "mary crane center east", {"of_a_series"}),
        ("school 12", "school 14", {"of_a_series"}),
        ("granite fund ii", "granite fund iii", {"of_a_series"}),
        ("mary crane center", "mary crane center east", set()),
        ("carole robertson center", "carole robertson center 2929", set()),
    ],
)
def test_names_of_firms_of_one_place_and_phone(one: str, other: str, guards: set[str]) -> None:
    assert guards_of(firm(one), firm(other)) == guards


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("+12125550187", "5550187", "same but for the code before it"),
        ("2125550187", "+12125550187", "same but for the code before it"),
        ("+12125550187", "+12125550187", "same"),
        ("+12125550187", "+12125550181", "one digit off"),
        ("0187", "5550187", "different"),
    ],
)
def test_a_number_without_its_code_is_the_number(one: str, other: str, level: str) -> None:
    a, b = ({"organisation_name": "acme", "phone": phone} for phone in (one, other))
    assert level_of("phone", a, b) == level


def test_initials_and_a_rare_word_in_common_are_levels_of_their_own() -> None:
    long = firm("golden gate vazquez energy")
    assert level_of("organisation_name", firm("ggve"), long) == "initials of the other"
    shares = level_of("organisation_name", firm("young scholars"), firm("el valor of scholars"))
    assert shares == "a word in common that few have"
    assert level_of("organisation_name", firm("big blue"), long) == "different"


def test_one_mailbox_of_a_mother_and_a_son_is_no_person() -> None:
    mother = {
        "given_name": "mary", "family_name": "kusha", "birth_date": "1976-10-27",
        "email": "kusha123@inbox.example", "street": "1304 poppy hills dr", "city": "blacklick",
    }  # fmt: skip
    son = mother | {"given_name": "mark", "birth_date": "1997-09-28"}
    assert "namesakes" in guards_of(mother, son)
    copied = mother | {"birth_date": "1997-09-28"}
    assert "namesakes" not in guards_of(mother, copied), "one name: a birth date that is wrong"
