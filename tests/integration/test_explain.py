"""`explain` on the published sample tells what stands in the tables; names are masked."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from models.identity.clusters import (
    ANSWERED_DIFFERENT,
    PARENT_AND_CHILD,
    TOO_MANY_RECORDS,
    UNIQUE_IDS_DIFFER,
)
from models.identity.comparisons import TWO_PEOPLE
from orchestration.lib.explain import _GUARDS, UnknownCustomerError, explain_customer
from tests.running import crm_warehouse, published


def one(home: Path, query: str) -> tuple[Any, ...]:
    with published(home) as con:
        row = con.execute(query).fetchone()
    assert row is not None
    return row


@pytest.fixture(scope="module")
def customer(published_home: Path) -> str:
    """A customer of several records."""
    (key,) = one(
        published_home,
        "select min(customer_key_a) from marts.identity_links where outcome = 'joined'",
    )
    return str(key)


def explained(home: Path, asked: str) -> dict[str, Any]:
    run = crm_warehouse("explain", "customer", asked, "--home", home, "--json")
    assert run.exit_code == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_a_customer_is_told_by_records_and_links(published_home: Path, customer: str) -> None:
    found = explained(published_home, customer)
    (count,) = one(
        published_home,
        f"select count(*) from marts.customer_identities where customer_key = '{customer}'",
    )
    assert len(found["records"]) == count > 1
    assert {link["customer_key_a"] for link in found["joined"]} == {customer}
    run = crm_warehouse("explain", "customer", customer, "--home", published_home)
    for text in (f"Customer {customer}", f"Records ({count})", "Joined by"):
        assert text in run.stdout


def test_who_was_held_apart_is_told_with_the_guard(published_home: Path) -> None:
    key, other, guard = one(
        published_home,
        "select customer_key_a, customer_key_b, guard from marts.identity_links "
        "where outcome = 'refused' and customer_key_a != customer_key_b order by all limit 1",
    )
    refused = explained(published_home, key)["refused"]
    assert (other, guard) in {(link["customer_key_b"], link["guard"]) for link in refused}
    run = crm_warehouse("explain", "customer", key, "--home", published_home)
    assert "Not joined, and why" in run.stdout
    assert guard in run.stdout and f"customer {other}" in run.stdout


def test_a_refused_link_within_a_customer_is_no_reason_to_be_apart(published_home: Path) -> None:
    key, record_a, record_b = one(
        published_home,
        "select customer_key_a, source_system_a || ':' || source_record_id_a, "
        "source_system_b || ':' || source_record_id_b from marts.identity_links "
        "where outcome = 'refused' and customer_key_a = customer_key_b order by all limit 1",
    )
    told = crm_warehouse("explain", "customer", key, "--home", published_home).stdout
    _, _, inside = told.partition("Refused as a link, but joined by others")
    assert f"{record_a} ? {record_b}" in inside


def test_names_and_addresses_are_masked(published_home: Path, customer: str) -> None:
    name, email = one(
        published_home,
        f"select customer_name, email from marts.dim_customers where customer_key = '{customer}'",
    )
    for form in ([], ["--json"]):
        told = crm_warehouse("explain", "customer", customer, "--home", published_home, *form)
        assert name not in told.stdout
        assert not email or email not in told.stdout
    assert explained(published_home, customer)["profile"]["customer_name"] == f"{name[0]}***"


def test_a_customer_is_found_by_record_former_key_and_mailbox(
    published_home: Path, customer: str
) -> None:
    former, record = one(
        published_home,
        "select former_key, source_system || ':' || source_record_id "
        f"from marts.customer_key_redirects where customer_key = '{customer}' limit 1",
    )
    assert explained(published_home, former)["customer_key"] == customer
    assert explained(published_home, record)["customer_key"] == customer
    key, email = one(
        published_home,
        "select min(customer_key), email from marts.dim_customers where email is not null "
        "group by email having count(*) = 1 order by email limit 1",
    )
    assert explained(published_home, email)["customer_key"] == key
    unknown = crm_warehouse("explain", "customer", "nobody", "--home", published_home)
    assert unknown.exit_code == 1
    assert "no customer is called 'nobody'" in unknown.stderr


def test_a_key_that_names_nobody_any_more_is_told_what_became_of_it(
    published_home: Path, tmp_path: Path
) -> None:
    marts = tmp_path / "customer_marts.duckdb"
    marts.write_bytes((published_home / "published/current/customer_marts.duckdb").read_bytes())
    with duckdb.connect(str(marts)) as con:
        con.execute(
            "insert into audit.identity_changes by name select 'k' as former_key, 'gone' as "
            "change_kind, 3 as count_records, date '2026-02-03' as changed_on"
        )
        with pytest.raises(UnknownCustomerError, match="k was a customer of 3 records until 2026-"):
            explain_customer(con, "k", frozenset())


def test_every_guard_is_told_in_words(published_home: Path) -> None:
    with published(published_home) as con:
        guards = con.execute(
            "select distinct guard from marts.identity_links where guard is not null"
        ).fetchall()
    known = {*TWO_PEOPLE, ANSWERED_DIFFERENT, PARENT_AND_CHILD, UNIQUE_IDS_DIFFER, TOO_MANY_RECORDS}
    assert {guard for (guard,) in guards} | known <= set(_GUARDS)


def test_a_number_is_told_by_columns_and_rows(published_home: Path) -> None:
    """The rows that are shown add up to the number."""
    key, revenue = one(
        published_home,
        "select customer_key, net_revenue from marts.dim_customers "
        "where count_orders between 2 and 9 order by customer_key limit 1",
    )
    asked = ("explain", "number", "dim_customers", key, "net_revenue", "--home", published_home)
    run = crm_warehouse(*asked, "--json")
    assert run.exit_code == 0, run.stderr
    found = json.loads(run.stdout)
    assert float(found["value"]) == float(revenue)
    assert "raw.canonical__orders.net_revenue" in found["computed_from"]
    (orders,) = (
        entry for entry in found["rows"] if entry["table"] == "staging.stg_canonical__orders"
    )
    assert sum(float(row["net_revenue"]) for row in orders["rows"]) == pytest.approx(float(revenue))
    assert f"dim_customers.net_revenue of {key} is" in crm_warehouse(*asked).stdout
    wrong = crm_warehouse(
        "explain", "number", "dim_customers", key, "no_such", "--home", published_home
    )
    assert wrong.exit_code == 1
    assert "dim_customers has no column no_such" in wrong.stderr


def test_a_number_of_one_order_is_told_by_its_rows_only(published_home: Path) -> None:
    """Shown were all orders of the customer, none of which was the number alone."""
    order, revenue = one(
        published_home,
        "select order_id, net_revenue from marts.fct_orders where customer_key in (select "
        "customer_key from marts.dim_customers where count_orders > 3) order by order_id limit 1",
    )
    asked = ("explain", "number", "fct_orders", f"canonical,{order}", "net_revenue")
    run = crm_warehouse(*asked, "--home", published_home)
    assert run.exit_code == 0, run.stderr
    assert f"fct_orders.net_revenue of canonical,{order} is {revenue}" in run.stdout
    rows = json.loads(crm_warehouse(*asked, "--home", published_home, "--json").stdout)["rows"]
    (orders,) = (entry for entry in rows if entry["table"] == "staging.stg_canonical__orders")
    assert [row["order_id"] for row in orders["rows"]] == [order]
    assert "staging.stg_canonical__orders: 1 row of this record" in run.stdout


def test_an_empty_part_of_a_key_is_null(published_home: Path) -> None:
    """The headline NPS is of no month: its row could not be asked for."""
    asked = ("explain", "number", "mart_satisfaction")
    ends = ("value", "--home", published_home)
    run = crm_warehouse(*asked, "nps,all_time,,all,all", *ends)
    assert run.exit_code == 0, run.stderr
    assert "raw.canonical__survey_responses.score" in run.stdout
    wrong = crm_warehouse(*asked, "nps", *ends)
    assert "the key of mart_satisfaction is metric, period_type, period_month" in wrong.stderr
    assert "nothing between two commas for NULL" in wrong.stderr


def test_a_table_that_is_not_there_is_told_with_what_it_may_be(published_home: Path) -> None:
    wrong = crm_warehouse("explain", "number", "orders", "1", "x", "--home", published_home)
    assert "no table orders is published; is it " in wrong.stderr
    assert "fct_orders" in wrong.stderr
