"""Records that are nothing but a name go to the only customer who bears it, or to a person."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.identity.names_alone import count_bearers

COLUMNS = ("email", "phone", "birth_date", "street", "postal_code", "national_id")


def bearers(rows: list[dict[str, str]], senior: list[int]) -> dict[tuple[int, int], int]:
    """Return the pairs that are tied, of all pairs of records, and to how many customers."""
    records = pa.table(
        {
            "record_number": pa.array(range(1, len(rows) + 1)),
            "is_organisation": pa.array([False] * len(rows)),
            **{
                name: pa.array([row.get(name) for row in rows], pa.string())
                for name in ("given_name", "family_name", *COLUMNS)
            },
        }
    )
    pairs = pd.DataFrame(
        itertools.combinations(range(1, len(rows) + 1), 2),
        columns=["record_number_a", "record_number_b"],
        index=range(100, 100 + len(rows) * (len(rows) - 1) // 2),
    )
    found = count_bearers(records, np.asarray(senior), pairs)
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


def test_no_pair_is_none() -> None:
    assert bearers([AT_HOME], [1]) == {}
