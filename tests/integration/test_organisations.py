"""Organisations and households as published, against the files and another way to the sums."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from models.identity.names import latin, person_name
from tests.running import TEST_DATA, published, rows

Connection = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def crm(crm_home: Path) -> Iterator[Connection]:
    with published(crm_home) as connection:
        yield connection


@pytest.fixture(scope="module")
def sample(published_home: Path) -> Iterator[Connection]:
    with published(published_home) as connection:
        yield connection


def test_accounts_and_companies_stand_in_their_hierarchy(crm: Connection) -> None:
    """A parent that was merged away is the survivor; a deleted company is no organisation."""
    found = rows(
        crm,
        """
        select below.organisation_name, above.organisation_name, below.depth, below.count_persons
        from marts.dim_organisations as below
        left join marts.dim_organisations as above
            on below.parent_organisation_key = above.organisation_key
        where not below.is_household
        """,
    )
    by_name = {name: rest for name, *rest in found}
    assert by_name['Grüezi "Vélo" AG'][:2] == ["Wheelworks", 1]
    assert by_name["Wheelworks"][:2] == [None, 0]
    assert by_name["Lima Ltda"][:2] == ["Lima Holding", 1]
    assert "Gone Cycles" not in by_name


def test_contacts_belong_to_their_account(crm: Connection) -> None:
    with (TEST_DATA / "salesforce/2026-11-01/Contact.csv").open(encoding="utf-8-sig") as file:
        account_of = {
            row["Id"]: row["AccountId"]
            for row in csv.DictReader(file)
            if row["IsPersonAccount"] == "false" and row["IsDeleted"] == "false"
        }
    organisation_of = dict(
        rows(
            crm,
            """
            select source_record_id, organisation_key
            from marts.customer_identities
            inner join marts.customer_relationships using (customer_key)
            where source_object = 'accounts' and role = 'organisation'
            """,
        )
    )
    found = rows(
        crm,
        """
        select source_record_id, organisation_key
        from marts.customer_identities
        inner join marts.customer_relationships using (customer_key)
        where source_object = 'contacts' and role = 'contact' and source_system = 'salesforce'
        """,
    )
    belongs = defaultdict(set)
    for contact, organisation in found:
        belongs[contact].add(organisation)
    assert len(account_of) == 3
    for contact, account in account_of.items():
        assert organisation_of[account] in belongs[contact]


@pytest.mark.parametrize("home", ["crm", "sample"])
def test_revenue_counts_once_up_the_hierarchy(home: str, request: pytest.FixtureRequest) -> None:
    marts = request.getfixturevalue(home)
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for customer, revenue in rows(
        marts, "select customer_key, net_revenue from marts.fct_orders where is_sale"
    ):
        spent[customer] += revenue
    own: dict[str, Decimal] = defaultdict(Decimal)
    for customer, organisation, is_primary in rows(
        marts,
        "select customer_key, organisation_key, is_primary from marts.customer_relationships",
    ):
        own[organisation] += spent[customer] if is_primary else Decimal(0)
    organisations = rows(
        marts,
        "select organisation_key, parent_organisation_key, net_revenue, "
        "net_revenue_with_subsidiaries from marts.dim_organisations",
    )
    parent_of = {key: parent for key, parent, *_ in organisations}
    held = dict.fromkeys(parent_of, Decimal(0))
    for key in parent_of:
        above: str | None = key
        while above is not None:
            held[above] += own[key]
            above = parent_of[above]
    assert organisations
    assert {key: (mine, all_) for key, _, mine, all_ in organisations} == {
        key: (own[key], held[key]) for key in parent_of
    }


def test_households_are_the_families_of_the_files(sample: Connection, sample_exports: Path) -> None:
    """People of one family name at one address, found by holding every address against all."""
    key_of = dict(
        rows(sample, "select source_record_id, customer_key from marts.customer_identities")
    )
    at_home: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    with min((sample_exports / "canonical").glob("customers_*.csv")).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            # Some files state a whole name only: 李涛.
            family = person_name(row["first_name"], row["last_name"], row["full_name"]).family
            street = latin(row["street"])
            if row["customer_type"] != "organisation" and family and street:
                at_home[family, street, row["postal_code"]].add(key_of[row["customer_id"]])
    families = [keys for keys in at_home.values() if len(keys) > 1]
    household_of = dict(
        rows(
            sample,
            "select customer_key, organisation_key from marts.customer_relationships "
            "where organisation_kind = 'household'",
        )
    )
    by_address = {
        key
        for (key,) in rows(
            sample,
            "select customer_key from marts.customer_relationships where evidence = 'address'",
        )
    }
    assert len(families) > 10
    for keys in families:
        assert len({household_of.get(key) for key in keys}) == 1, keys
        assert keys <= household_of.keys()
    assert by_address == set().union(*families)
