"""Organisations, hierarchies and households of small made-up registers."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.accounts.grouping import Groups, group_customers, household_key

COLUMNS = {
    "record_number": None,
    "customer_key": None,
    "is_organisation": False,
    "organisation_name": None,
    "domain": None,
    "family_name": None,
    "street": None,
    "city": None,
    "postal_code": None,
    "email": None,
    "phone": None,
    "organisation_customer_key": None,
    "parent_customer_key": None,
    "trust_rank": 1,
    "changed_at": pd.Timestamp("2024-01-01"),
}


def group(*records: dict[str, Any]) -> Groups:
    """Group customers; records are numbered in their order unless they say otherwise."""
    rows = [COLUMNS | {"record_number": at} | row for at, row in enumerate(records, 1)]
    return group_customers(pd.DataFrame(rows).astype(object), largest_household=4)


def firm(key: str, **cells: Any) -> dict[str, Any]:
    return {"customer_key": key, "is_organisation": True, "organisation_name": key, **cells}


def person(key: str, **cells: Any) -> dict[str, Any]:
    return {"customer_key": key, "family_name": "diaz", **cells}


def parents(found: Groups) -> dict[str, tuple[str | None, str, int]]:
    return {
        row.organisation_key: (row.parent_key, row.ultimate_parent_key, row.depth)
        for row in found.organisations.replace({np.nan: None}).itertuples()
    }


def members(found: Groups) -> dict[tuple[str, str], tuple[str, str, bool]]:
    return {
        (row.customer_key, row.organisation_key): (row.role, row.evidence, row.is_primary)
        for row in found.members.itertuples()
    }


def test_an_organisation_is_the_customer_that_it_is() -> None:
    found = group(firm("b"), firm("a"), firm("b"))
    assert members(found) == {
        ("a", "a"): ("organisation", "record", True),
        ("b", "b"): ("organisation", "record", True),
    }


def test_a_tree_is_walked_to_its_top() -> None:
    found = group(
        firm("top"),
        firm("middle", parent_customer_key="top"),
        firm("leaf", parent_customer_key="middle"),
        firm("alone"),
    )
    assert parents(found) == {
        "alone": (None, "alone", 0),
        "leaf": ("middle", "top", 2),
        "middle": ("top", "top", 1),
        "top": (None, "top", 0),
    }
    above = found.ancestors
    assert above[above["organisation_key"] == "leaf"][
        ["ancestor_key", "distance"]
    ].to_numpy().tolist() == [["leaf", 0], ["middle", 1], ["top", 2]]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_circle_is_cut_at_its_senior_organisation(order: tuple[int, ...]) -> None:
    records = [
        firm("first", record_number=1, parent_customer_key="third"),
        firm("second", record_number=2, parent_customer_key="first"),
        firm("third", record_number=3, parent_customer_key="second"),
        firm("below", record_number=4, parent_customer_key="third"),
    ]
    found = group(*(records[at] for at in order))
    assert parents(found) == {
        "below": ("third", "first", 3),
        "first": (None, "first", 0),
        "second": ("first", "first", 1),
        "third": ("second", "first", 2),
    }
    cut = found.organisations.set_index("organisation_key")["is_circle_cut"]
    assert cut[cut.astype(bool)].index.tolist() == ["first"]


def test_an_organisation_that_is_its_own_parent_has_none() -> None:
    assert parents(group(firm("a", parent_customer_key="a"))) == {"a": (None, "a", 0)}


def test_the_trusted_system_names_the_parent() -> None:
    found = group(
        firm("x"),
        firm("y"),
        firm("a", parent_customer_key="x", trust_rank=2),
        firm("a", parent_customer_key="y", trust_rank=1),
    )
    assert parents(found)["a"] == ("y", "y", 1)


def test_people_belong_by_the_surest_tie() -> None:
    newer = pd.Timestamp("2024-05-01")
    found = group(
        firm("acme", domain="acme.example"),
        firm("bolt", domain="bolt.example"),
        firm("twin", organisation_name="twin"),
        firm("other twin", organisation_name="twin"),
        person("stated", organisation_customer_key="acme", domain="bolt.example"),
        person("both", organisation_customer_key="acme"),
        person("both", organisation_customer_key="bolt", changed_at=newer),
        person("mail", domain="bolt.example", organisation_name="acme"),
        person("name", organisation_name="acme"),
        person("unclear", organisation_name="twin"),
    )
    people = {
        key: tie
        for key, tie in members(found).items()
        if key[0] in ("stated", "both", "mail", "name", "unclear")
    }
    assert people == {
        ("stated", "acme"): ("contact", "stated", True),
        ("both", "acme"): ("contact", "stated", False),
        ("both", "bolt"): ("contact", "stated", True),
        ("mail", "bolt"): ("employee", "mail_domain", True),
        ("name", "acme"): ("employee", "company_name", True),
    }


def test_a_household_shares_its_name_and_an_address_a_mailbox_or_a_phone() -> None:
    home = {"street": "1 elm st", "postal_code": "02110"}
    found = group(
        person("a", **home),
        person("b", **home, phone="+1"),
        person("c", phone="+1"),
        person("other name", family_name="roe", **home),
        person("no number", street="elm st", postal_code="02110"),
        person("elsewhere", street="1 elm st", postal_code="10001"),
        person("d", family_name="lee", email="lees@family.example"),
        person("e", family_name="lee", email="lees@family.example"),
    )
    assert members(found) == {
        ("a", household_key("a")): ("member", "address", True),
        ("b", household_key("a")): ("member", "address", True),
        ("c", household_key("a")): ("member", "phone", True),
        ("d", household_key("d")): ("member", "mailbox", True),
        ("e", household_key("d")): ("member", "mailbox", True),
    }
    assert set(found.organisations["organisation_kind"]) == {"household"}


def test_a_building_and_an_office_are_no_households() -> None:
    tower = {"street": "1 tower", "city": "boston"}
    found = group(
        *(person(f"t{at}", **tower) for at in range(5)),
        firm("acme"),
        person("x", family_name="lee", phone="+1", organisation_customer_key="acme"),
        person("y", family_name="lee", phone="+1", organisation_customer_key="acme"),
    )
    assert {role for role, _, _ in members(found).values()} == {"organisation", "contact"}


def test_nothing_makes_nothing() -> None:
    found = group_customers(
        pd.DataFrame(columns=list(COLUMNS), dtype=object),
        largest_household=4,
    )
    assert [len(table) for table in (found.organisations, found.ancestors, found.members)] == [
        0
    ] * 3
