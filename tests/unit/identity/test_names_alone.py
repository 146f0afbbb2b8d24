"""Records that are nothing but a name go to the only customer who bears it, or to a person."""

import itertools

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.identity.names_alone import count_bearers, find_alike_firms, find_only_bearers

COLUMNS = ("email", "phone", "birth_date", "street", "postal_code", "national_id")


def people(rows: list[dict[str, str]]) -> duckdb.DuckDBPyConnection:
    """Return a database with the records as `people`."""
    con = duckdb.connect()
    con.register("people", _records(rows))
    return con


def _records(rows: list[dict[str, str]]) -> pa.Table:
    return pa.table(
        {
            "record_number": pa.array(range(1, len(rows) + 1)),
            "is_organisation": pa.array([False] * len(rows)),
            **{
                name: pa.array([row.get(name) for row in rows], pa.string())
                for name in ("given_name", "family_name", *COLUMNS)
            },
        }
    )


def only_bearers(rows: list[dict[str, str]], senior: list[int]) -> list[tuple[int, int]]:
    """Return the records that are nothing but a name, with the only customer who bears it."""
    found = find_only_bearers(people(rows), "people", np.asarray(senior))
    return list(zip(found["record_number_a"], found["record_number_b"], strict=True))


def bearers(rows: list[dict[str, str]], senior: list[int]) -> dict[tuple[int, int], int]:
    """Return the pairs that are tied, of all pairs of records, and to how many customers."""
    pairs = pd.DataFrame(
        itertools.combinations(range(1, len(rows) + 1), 2),
        columns=["record_number_a", "record_number_b"],
        index=range(100, 100 + len(rows) * (len(rows) - 1) // 2),
    )
    found = count_bearers(people(rows), "people", np.asarray(senior), pairs)
    numbers = zip(*(pairs[name] for name in pairs), found, strict=True)
    return {(one, other): int(count) for one, other, count in numbers if count}


ANA = {"given_name": "ana", "family_name": "lee"}
AT_HOME = ANA | {"street": "7 elm st"}
BY_PHONE = ANA | {"phone": "+12125550100"}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_name_goes_to_the_only_one_who_bears_it(column: str) -> None:
    assert bearers([ANA | {column: "x"}, ANA], [1, 2]) == {(1, 2): 1}


def test_two_records_of_one_customer_are_one_bearer() -> None:
    assert bearers([AT_HOME, BY_PHONE, ANA], [1, 1, 3]) == {(1, 3): 1, (2, 3): 1}


def test_a_record_that_something_else_has_joined_to_more_is_more_than_a_name() -> None:
    tom = {"given_name": "tom", "family_name": "lee", "phone": "+12125550101"}
    assert bearers([AT_HOME, ANA, tom], [1, 2, 2]) == {}


def test_two_who_bear_the_name_are_counted_for_a_person_to_choose() -> None:
    assert bearers([AT_HOME, BY_PHONE, ANA], [1, 2, 3]) == {(1, 3): 2, (2, 3): 2}


def test_nobody_is_tied_where_none_says_more() -> None:
    assert bearers([ANA, ANA], [1, 2]) == {}
    assert bearers([AT_HOME, {"given_name": "ana"}], [1, 2]) == {}


def test_the_only_bearer_is_found_without_a_pair() -> None:
    assert only_bearers([AT_HOME, BY_PHONE, ANA, ANA], [1, 1, 3, 3]) == [(1, 3)]
    assert only_bearers([ANA, AT_HOME], [1, 2]) == [(1, 2)]
    assert only_bearers([AT_HOME, BY_PHONE, ANA], [1, 2, 3]) == []
    assert only_bearers([ANA, ANA], [1, 2]) == []
    assert only_bearers([AT_HOME, {"given_name": "ana"}, {}], [1, 2, 3]) == []


def test_no_pair_is_none() -> None:
    assert bearers([AT_HOME], [1]) == {}


def alike(
    names: list[str], says: dict[int, dict[str, str]] | None = None, senior: list[int] | None = None
) -> list[tuple[int, int, bool, int]]:
    """Return the pairs of firms called alike; `says` is what records state beside the name."""
    count = len(names)
    columns = (*COLUMNS, "city", "web_domain")
    records = pa.table(
        {
            "record_number": pa.array(range(1, count + 1)),
            "is_organisation": pa.array([True] * count),
            "organisation_name": pa.array(names, pa.string()),
            **{
                name: pa.array(
                    [(says or {}).get(i, {}).get(name) for i in range(1, count + 1)], pa.string()
                )
                for name in columns
            },
        }
    )
    con = duckdb.connect()
    con.register("firms", records)
    found = find_alike_firms(con, "firms", np.asarray(senior or range(1, count + 1)))
    columns_found = ("record_number_a", "record_number_b", "is_sure", "count_alike")
    return [tuple(row) for row in found[list(columns_found)].to_numpy().tolist()]


def test_a_misprinted_firm_goes_to_the_only_one_called_alike() -> None:
    assert alike(["ford motor", "motor ford"]) == [(1, 2, True, 1)]
    assert alike(["ford motor", "motor ford"], {1: {"phone": "+12125550100"}}) == [(1, 2, True, 1)]


@pytest.mark.parametrize("column", [*COLUMNS, "city", "web_domain"])
def test_two_firms_that_say_more_than_a_name_are_left_to_likeness(column: str) -> None:
    assert alike(["ford motor", "motor ford"], {1: {column: "x"}, 2: {column: "y"}}) == []


def test_of_two_firms_called_alike_a_person_chooses() -> None:
    told_apart = {1: {"city": "boston"}, 2: {"city": "chicago"}}
    assert alike(["ford motor", "ford motor", "motor ford"], told_apart) == [
        (1, 3, True, 2),
        (2, 3, True, 2),
    ]


def test_two_misprints_of_one_name_are_no_alternative_to_each_other() -> None:
    names = ["granite lodging", "granite lodgign", "granite loodging"]
    assert alike(names) == [(1, 2, True, 1), (1, 3, True, 1)]
    short = ["halozyme therapeutics", "halozyme thera", "halozyme therap"]
    assert [count for *_, count in alike(short)] == [1, 1, 1]


def test_initials_are_a_question() -> None:
    assert alike(["ibm", "international business machines"]) == [(1, 2, False, 1)]


def test_records_of_one_firm_are_one_firm() -> None:
    assert alike(["ford motor", "ford motor", "motor ford"], senior=[1, 1, 3]) == [(1, 3, True, 1)]


def test_all_spellings_of_a_name_go_to_the_only_firm_that_says_more() -> None:
    right, *wrong = (
        "shell internationale research",
        "shell intenationale research",
        "shell internationale reserach",
        "shell internationalle research",
    )
    count = len(wrong)
    assert all(is_sure and among == 1 for *_, is_sure, among in alike([right, *wrong]))
    to_firm = alike([right, *wrong], {1: {"city": "hague"}})
    assert {(b, among) for a, b, _, among in to_firm if a == 1} == {
        (number, 1) for number in range(2, count + 2)
    }
    two_firms = alike([right, right, *wrong], {1: {"city": "hague"}, 2: {"city": "rijswijk"}})
    assert {among for *_, among in two_firms} == {2}
