"""Systems that ship with the warehouse, from their own formats to the published marts.

Belongs here: the hand-made exports of `tests/data`, published together once; what every rule makes
of them, counted in Python from the files. Does not: the rules one by one (dbt unit tests beside the
models, run here on this warehouse), made-up exports of a whole company.
"""

import csv
import io
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lib.dbt_project import read_manifest, run_dbt
from tests.running import PROJECT_ROOT, crm_warehouse, published, rows

DATA = PROJECT_ROOT / "tests/data"
SYSTEMS = ["delighted", "loyalty", "marketing", "qualtrics", "shopify", "zendesk"]
Connection = duckdb.DuckDBPyConnection
Row = dict[str, str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("vendors") / "home"
    landing = home.parent / "landing"
    for system in SYSTEMS:
        shutil.copytree(DATA / system, landing / system)
    run = crm_warehouse("run", "--home", home, "--landing", landing, "--systems", ",".join(SYSTEMS))
    assert run.exit_code == 0, run.stderr
    return home


@pytest.fixture(scope="module")
def marts(home: Path) -> Iterator[Connection]:
    with published(home) as connection:
        yield connection


@pytest.fixture(scope="module")
def warehouse(home: Path) -> Iterator[Connection]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def read_csv(name: str, delimiter: str = ",") -> list[Row]:
    content = (DATA / name).read_bytes()
    text = content.decode("utf-16" if content.startswith(b"\xff\xfe") else "utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def read_json(name: str) -> list[dict[str, Any]]:
    content = json.loads((DATA / name).read_text(encoding="utf-8"))
    (found,) = (value for value in content.values() if isinstance(value, list))
    return found


def test_nothing_is_lost_on_the_way(marts: Connection) -> None:
    files = [path for system in SYSTEMS for path in (DATA / system).rglob("*") if path.is_file()]
    assert rows(marts, "select status, count(*) from audit.input_files group by status") == [
        ("loaded", len(files))
    ]
    assert rows(marts, "from audit.quarantine") == []
    assert rows(marts, "from audit.reconciliation where difference is distinct from 0") == []
    reconciled = rows(marts, "select source_system, count(*) from audit.reconciliation group by 1")
    assert {system for system, _ in reconciled} == set(SYSTEMS)


def test_what_is_left_out_is_counted_with_its_reason(marts: Connection) -> None:
    """Eight responses: three customers, one anonymous, and four that nobody gave."""
    assert rows(
        marts,
        "select source_system, entity, measure, actual::integer from audit.reconciliation "
        "where stage = 'explained' order by all",
    ) == [
        ("qualtrics", "customers", "left out: anonymous responses", 1),
        ("qualtrics", "customers", "left out: previews, tests and spam", 4),
        ("qualtrics", "customers", "rows", 8),
        ("shopify", "orders", "left out: first row in quarantine", 0),
        ("shopify", "orders", "rows", 6),
        ("zendesk", "cases", "left out: deleted tickets", 1),
        ("zendesk", "cases", "left out: tickets merged into another one", 1),
        ("zendesk", "cases", "rows", 7),
        ("zendesk", "customers", "left out: agents and admins", 2),
        ("zendesk", "customers", "left out: deleted or merged users without a ticket", 1),
        ("zendesk", "customers", "rows", 8),
    ]


def test_every_unit_and_data_test_of_these_systems_passes(home: Path, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copyfile(home / "warehouse.duckdb", database)
    manifest = read_manifest(SYSTEMS)
    chosen = {
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
        and (node["schema"] == "staging" or node["name"] == "int_orders__order_numbers")
    }
    expected = {
        key
        for key, test in [*manifest["unit_tests"].items(), *manifest["nodes"].items()]
        if test["resource_type"] in ("test", "unit_test")
        and chosen.issuperset(test["depends_on"]["nodes"])
        and test["depends_on"]["nodes"]  # of systems that are not enabled the tests stay behind
    }
    results = run_dbt(
        ["test", "--select", "fqn:crm_warehouse.staging", "int_orders__order_numbers"],
        database,
        SYSTEMS,
    )
    assert {result.node.unique_id for result in results if result.status == "pass"} == expected
    assert len(manifest["unit_tests"]) > 25


def test_one_person_is_one_customer_over_all_systems(marts: Connection) -> None:
    """Ana by address, by the company's own id and by the ids that systems know of each other."""
    records = rows(
        marts,
        """
        select source_system, source_object, source_record_id
        from marts.customer_identities
        where customer_key = (
            select customer_key from marts.customer_identities
            where source_system = 'loyalty' and source_record_id = 'M1'
        )
        """,
    )
    assert set(records) >= {
        ("delighted", "responses", "1001"),
        ("loyalty", "members", "M1"),
        ("marketing", "sends", "u1"),
        ("qualtrics", "responses", "response:R_1"),
        ("shopify", "customers", "6001"),
        ("zendesk", "users", "901"),
    }


def test_an_organisation_of_the_help_desk_has_its_members(marts: Connection) -> None:
    assert rows(
        marts,
        """
        select organisation_name, domain, members.source_record_id
        from marts.customer_identities as organisations
        inner join marts.customer_relationships as roles
            on organisations.customer_key = roles.customer_key and roles.role = 'organisation'
        inner join marts.dim_organisations
            on roles.organisation_key = dim_organisations.organisation_key
        inner join marts.customer_relationships as belonging
            on roles.organisation_key = belonging.organisation_key and belonging.role = 'contact'
        inner join marts.customer_identities as members
            on belonging.customer_key = members.customer_key and members.source_system = 'zendesk'
        where organisations.source_record_id = 'organization:77'
        """,
    ) == [("Müller & Söhne GmbH", "mueller.example", "902")]


# --- Shopify -------------------------------------------------------------------------------------


def shopify_orders() -> dict[str, list[Row]]:
    """Read both generations of the export; the newest file that holds an order tells all of it."""
    orders: dict[str, list[Row]] = {}
    for name in ("2026-10-01/orders_export_1.csv", "2026-11-01/orders_export.csv"):
        found: dict[str, list[Row]] = defaultdict(list)
        for row in read_csv(f"shopify/{name}"):
            if row not in found[row["Name"]] or not row["Created at"]:
                found[row["Name"]].append(row)
        orders |= found
    return orders


def amount(row: Row, column: str) -> Decimal:
    return Decimal(row[column] or 0)


def utc(text: str) -> datetime:
    """Bring "2026-03-28 23:30:00 +0100" to UTC by hand."""
    offset = timedelta(hours=int(text[-5:-2]))
    return datetime.fromisoformat(text[:-6]) - offset


def test_shopify_orders_are_worth_their_goods(marts: Connection) -> None:
    expected = {}
    for name, (first, *_) in shopify_orders().items():
        subtotal, shipping, taxes, total, refund = (
            amount(first, column)
            for column in ("Subtotal", "Shipping", "Taxes", "Total", "Refunded Amount")
        )
        is_inside = taxes > 0 and subtotal + shipping == total
        net = subtotal - (taxes * subtotal / total if is_inside else 0)
        expected[name] = (
            utc(first["Created at"]),
            round(net, 4),
            round(refund * net / total, 4),
            bool(first.get("Cancelled at") or first.get("Canceled at")),
        )
    assert len(expected) == 6
    assert {
        order_id: tuple(cells)
        for order_id, *cells in rows(
            marts,
            "select order_id, ordered_at, net_revenue, refund_amount, "
            "order_status = 'cancelled' from marts.fct_orders where source_system = 'shopify'",
        )
    } == expected


def test_shopify_lines_are_all_there_and_sum_to_their_order(marts: Connection) -> None:
    expected = Counter(
        (name, Decimal(line["Lineitem quantity"]))
        for name, lines in shopify_orders().items()
        for line in lines
    )
    assert (
        Counter(
            rows(
                marts,
                "select order_id, quantity from marts.fct_order_lines "
                "where source_system = 'shopify'",
            )
        )
        == expected
    )
    assert not rows(
        marts,
        "select order_key from marts.fct_orders join marts.fct_order_lines as lines "
        "using (order_key) where fct_orders.source_system = 'shopify' group by all "
        "having sum(lines.net_revenue) != any_value(fct_orders.net_revenue)",
    )


def test_shopify_postal_codes_and_phones_are_what_people_write(warehouse: Connection) -> None:
    assert rows(
        warehouse,
        "select customer_id, postal_code, phone from staging.stg_shopify__customers order by 1",
    ) == [
        ("6001", "02108", "+1 202-555-0101"),
        ("6002", "10001", "+1 202 555 0177"),
        ("guest:#1002", "75008", None),
        ("guest:#1006", None, None),
    ]


# --- Zendesk -------------------------------------------------------------------------------------


def test_zendesk_cases_are_the_tickets_that_live(warehouse: Connection) -> None:
    newest: dict[int, dict[str, Any]] = {}
    for name in (
        "2026-10-01/tickets_page1.json",
        "2026-10-01/tickets_page2.json",
        "2026-11-01/tickets_page1.json",
    ):
        newest |= {ticket["id"]: ticket for ticket in read_json(f"zendesk/{name}")}
    merged = {loser for ticket in newest.values() for loser in ticket["merged_ticket_ids"] or ()}
    expected = {
        (str(ticket["id"]), {"hold": "pending"}.get(ticket["status"], ticket["status"]))
        for ticket in newest.values()
        if ticket["status"] != "deleted" and ticket["id"] not in merged
    }
    assert len(expected) == 5
    assert (
        set(rows(warehouse, "select case_id, status from staging.stg_zendesk__cases")) == expected
    )


def test_offered_ratings_enter_no_denominator(marts: Connection, warehouse: Connection) -> None:
    ratings = read_json("zendesk/2026-11-01/satisfaction_ratings.json")
    assert "offered" in {rating["score"] for rating in ratings}
    assert rows(
        warehouse,
        "select count(*), count(score) from staging.stg_zendesk__survey_responses",
    ) == [(4, 3)]
    # Ticket 5 was deleted and its rating with it; ticket 6 holds its own.
    assert rows(
        marts,
        "select response_id, score from marts.fct_survey_responses "
        "where source_system = 'zendesk' order by 1",
    ) == [("501", 1.0), ("503", 0.0), ("ticket-6", 0.0)]


# --- Surveys -------------------------------------------------------------------------------------


def test_qualtrics_answers_are_those_of_the_files(marts: Connection) -> None:
    """Three header rows, a comma and a UTF-16 tab file; previews, tests and spam are out."""
    expected = Counter()
    for name, delimiter, questions in (
        ("Relationship Survey.csv", ",", {"Q1": "nps", "Q3_1": "csat", "Q3_2": "csat"}),
        ("Product Survey.tsv", "\t", {"Q1": "csat", "Q9": "ces"}),
    ):
        _, _, *answers = read_csv(f"qualtrics/2026-10-01/{name}", delimiter)
        for answer in answers:
            if answer["Status"] in ("IP Address", "0"):
                expected.update(
                    (answer["ResponseId"], survey, float(answer[question].split(" ")[0]))
                    for question, survey in questions.items()
                    if answer[question]
                )
    assert expected.total() == 7
    assert (
        Counter(
            rows(
                marts,
                "select split_part(response_id, ':', 1), survey_type, score "
                "from marts.fct_survey_responses where source_system = 'qualtrics'",
            )
        )
        == expected
    )


def test_a_changed_answer_is_one_answer(marts: Connection) -> None:
    assert rows(
        marts,
        "select response_id, score from marts.fct_survey_responses "
        "where source_system = 'delighted' and survey_type = 'nps'",
    ) == [("5435", 9.0)]


def test_answers_and_cases_know_the_order_of_the_shop(marts: Connection) -> None:
    assert rows(
        marts,
        """
        select responses.source_system, responses.response_id, orders.source_system, orders.order_id
        from marts.fct_survey_responses as responses
        inner join marts.fct_orders as orders using (order_key)
        where responses.dimension = 'overall'
        order by 1, 2
        """,
    ) == [
        ("delighted", "5435", "shopify", "#1001"),
        ("qualtrics", "R_1", "shopify", "#1001"),
        ("qualtrics", "R_1:Q1", "shopify", "#1001"),
    ]
    assert rows(
        marts,
        "select case_id, order_id from marts.fct_cases join marts.fct_orders using (order_key)",
    ) == [("1", "#1001")]


# --- Loyalty and marketing -----------------------------------------------------------------------


def test_points_add_up_to_the_ledger(warehouse: Connection) -> None:
    entries: dict[str, Row] = {}
    for day in ("2026-10-01", "2026-11-01"):
        entries |= {row["entry_id"]: row for row in read_csv(f"loyalty/{day}/ledger.csv")}
    expected: dict[str, int] = defaultdict(int)
    for row in entries.values():
        points = int(row["points"])
        if row["is_deleted"] == "false":
            is_taken = row["entry_type"].lower() in ("redeem", "expire")
            expected[row["member_id"]] += -abs(points) if is_taken else points
    assert (
        dict(
            rows(
                warehouse,
                "select customer_id, sum(points)::integer from staging.stg_loyalty__loyalty_events "
                "where points is not null group by 1",
            )
        )
        == expected
    )


def test_spend_of_a_restated_day_counts_once(warehouse: Connection) -> None:
    newest: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for day in ("2026-10-01", "2026-11-01"):
        found: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
        for row in read_csv(f"marketing/{day}/spend.csv"):
            key = (row["date"], row["channel"], row["campaign_id"])
            found[key].add(tuple(row.values()))
        newest |= found
    expected = {key: sum(Decimal(cells[3]) for cells in group) for key, group in newest.items()}
    assert sum(expected.values()) == Decimal("42.75")
    assert {
        (str(day), channel, campaign or ""): value
        for day, channel, campaign, value in rows(
            warehouse,
            "select incurred_on, channel, campaign_id, amount from staging.stg_marketing__costs",
        )
    } == expected


def test_the_control_group_is_kept_and_not_contacted(warehouse: Connection) -> None:
    sends = read_csv("marketing/2026-10-01/sends.csv")
    held_back = {row["recipient_id"] for row in sends if row["is_control"] == "true"}
    assert held_back
    assert {
        member
        for (member,) in rows(
            warehouse,
            "select customer_id from staging.stg_marketing__campaign_members where is_control",
        )
    } == held_back
    contacted = rows(warehouse, "select customer_id from staging.stg_marketing__interactions")
    assert {member for (member,) in contacted} == {r["recipient_id"] for r in sends} - held_back


# --- Connector tables ----------------------------------------------------------------------------


@pytest.mark.shared_data
def test_customers_of_a_connector_table_are_customers(shared_data: Path, tmp_path: Path) -> None:
    """The contract knows the column names that a paid connector gives the same cells."""
    from orchestration.lib import project
    from orchestration.lib.reading.landing import land_system

    name = "shopify_customer_data.csv"
    source = shared_data / "connector_seeds/shopify" / name
    (tmp_path / "landing/shopify").mkdir(parents=True)
    shutil.copyfile(source, tmp_path / "landing/shopify" / name)
    (record,) = land_system(
        project.contracts()["shopify"],
        tmp_path / "landing",
        tmp_path / "raw",
        frozenset(),
        lambda _: None,
    )
    assert (record.object, record.rows_quarantined) == ("customers", 0)
    with source.open(encoding="utf-8-sig", newline="") as file:
        expected = [(row["id"], row["email"] or None) for row in csv.DictReader(file)]
    with duckdb.connect() as con:
        landed = con.execute(
            f"select customer_id, email from '{tmp_path / 'raw' / str(record.parquet_path)}'"
        ).fetchall()
    assert sorted(landed) == sorted(expected)
