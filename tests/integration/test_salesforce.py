"""Salesforce, from exports to marts: merges, person accounts, currencies, real files.

Belongs here: what was published from `tests/data/salesforce` and from Salesforce's own samples,
held against numbers counted in Python from the files. Does not: the rules one by one (dbt unit
tests).
"""

import csv
import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from orchestration.lib import project
from orchestration.lib.reading.landing import land_system
from tests.running import TEST_DATA, published, rows
from tests.staging_layer import stage

NEWEST = TEST_DATA / "salesforce/2026-11-01"
OLDER = TEST_DATA / "salesforce/2026-10-25"
Row = dict[str, str]


def exported(path: Path, encoding: str = "utf-8-sig") -> list[Row]:
    with path.open(newline="", encoding=encoding) as file:
        return list(csv.DictReader(file))


def by_name(rows: list[Row], column: str = "Name") -> dict[str, Row]:
    return {row[column]: row for row in rows}


@pytest.fixture(scope="module")
def marts(crm_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with published(crm_home) as connection:
        yield connection


@pytest.fixture(scope="module")
def warehouse(crm_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(crm_home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def customers_of(marts: duckdb.DuckDBPyConnection, *records: str) -> set[str]:
    """Return the customers that these Salesforce records belong to."""
    return {
        key
        for (key,) in rows(
            marts,
            "select customer_key from marts.customer_identities "
            "where source_system = 'salesforce' and list_contains(?, source_record_id)",
            list(records),
        )
    }


def test_merged_and_converted_records_are_one_customer(marts: duckdb.DuckDBPyConnection) -> None:
    accounts = by_name(exported(OLDER / "Account.csv"))
    contacts = by_name(exported(NEWEST / "Contact.csv"), "Email")
    leads = by_name(exported(NEWEST / "Lead.csv"), "Email")
    merged = [accounts[name]["Id"] for name in ("Wheelworks", "Wheel Works Inc.", "Wheelwrks")]
    alice = [contacts["alice@wheelworks.example"], contacts["alice.n@oldmail.example"]]
    alice.append(leads["alice@wheelworks.example"])
    brad = [accounts["Brad Holmes"], contacts["bholmes@goodmail.example"]]
    brad.append(leads["bholmes@goodmail.example"])
    people = [[row["Id"] for row in person] for person in (alice, brad)]
    keys = [customers_of(marts, *records) for records in (merged, *people)]
    assert [len(key) for key in keys] == [1, 1, 1]
    assert len(set.union(*keys)) == 3, "a company and the people who work there stay apart"
    assert not customers_of(marts, accounts["Gone Cycles"]["Id"]), "a deleted account is gone"
    assert rows(
        marts,
        "select company_name from marts.dim_customers where customer_key = ?",
        keys[0].pop(),
    ) == [("Wheelworks",)], "the survivor speaks, not what was merged into it"


def test_a_converted_or_merged_person_keeps_every_refusal(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    contacts = by_name(exported(NEWEST / "Contact.csv"), "Email")
    leads = by_name(exported(NEWEST / "Lead.csv"), "Email")
    accounts = by_name(exported(NEWEST / "Account.csv"))
    alice = contacts["alice@wheelworks.example"]["Id"]
    expected = {
        (alice, "phone"),
        (alice, "email"),  # refused by the record that was merged into hers
        (accounts["Brad Holmes"]["Id"], "email"),
        (leads["carla@bici.example"]["Id"], "email"),
        (leads["carla@bici.example"]["Id"], "phone"),
    }
    found = rows(warehouse, "select customer_id, channel from staging.stg_salesforce__consents")
    assert sorted(found) == sorted(expected)


def test_orders_are_won_opportunities_in_the_corporate_currency(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    """Counted from the files: the rate of the close day, lines before amounts."""
    static = {
        r["IsoCode"]: Decimal(r["ConversionRate"]) for r in exported(NEWEST / "CurrencyType.csv")
    }
    dated = exported(NEWEST / "DatedConversionRate.csv")

    def in_dollars(amount: Decimal, currency: str, day: str) -> Decimal:
        rate = static[currency]
        for row in dated:
            if row["IsoCode"] == currency and row["StartDate"] <= day < (
                row["NextStartDate"] or "9"
            ):
                rate = Decimal(row["ConversionRate"])
        return (amount / rate).quantize(Decimal("0.0001"))

    lines: dict[str, list[Row]] = {}
    for line in exported(NEWEST / "OpportunityLineItem.csv"):
        if line["IsDeleted"] == "false":
            lines.setdefault(line["OpportunityId"], []).append(line)
    expected = {}
    for row in exported(NEWEST / "Opportunity.csv"):
        amounts = [
            Decimal(line["TotalPrice"])
            if line["TotalPrice"]
            else Decimal(line["UnitPrice"])
            * Decimal(line["Quantity"])
            * (1 - Decimal(line["Discount"] or 0) / 100)
            for line in lines.get(row["Id"], ())
        ] or ([Decimal(row["Amount"])] if row["Amount"] else [])
        if row["IsWon"] == "true" and row["IsDeleted"] == "false" and amounts:
            expected[row["Id"]] = sum(
                in_dollars(amount, row["CurrencyIsoCode"], row["CloseDate"]) for amount in amounts
            )
    assert sorted(map(float, expected.values())) == [200.0, 1000.0, 1200.5, 2500.0]
    found = rows(
        marts,
        "select order_id, net_revenue from marts.fct_orders where source_system = 'salesforce'",
    )
    assert dict(found) == expected
    assert {
        row[0] for row in rows(marts, "select distinct currency_code from marts.fct_orders")
    } == {"USD"}


def test_orders_belong_to_the_account_that_survived(marts: duckdb.DuckDBPyConnection) -> None:
    accounts = by_name(exported(NEWEST / "Account.csv"))
    deals = by_name(exported(NEWEST / "Opportunity.csv"))
    ordered = dict(
        rows(
            marts,
            "select order_id, customer_key from marts.fct_orders "
            "where source_system = 'salesforce'",
        )
    )
    for deal, account in {
        "Wheelworks - spring order": "Wheelworks",
        "Wheel Works - spare parts": "Wheelworks",  # by the 15 characters of the merged account
        "Brad - e-bike": "Brad Holmes",
    }.items():
        assert {ordered[deals[deal]["Id"]]} == customers_of(marts, accounts[account]["Id"])


def test_a_merged_case_goes_on_in_the_other(warehouse: duckdb.DuckDBPyConnection) -> None:
    cases = by_name(exported(NEWEST / "Case.csv"), "CaseNumber")
    survivor = cases["00001001"]["Id"]
    assert rows(
        warehouse,
        "select count(*), count(*) filter (where event_type = 'owner') "
        "from staging.stg_salesforce__case_events where case_id = ?",
        survivor,
    ) == [(6, 1)], "five changes of its own, of which the owner's is written twice, and one merged"
    assert rows(
        warehouse,
        "select first_response_at::varchar, resolved_at::varchar, status, is_complaint "
        "from staging.stg_salesforce__cases where case_id = ?",
        survivor,
    ) == [("2026-09-01 10:45:00", "2026-09-02 11:00:00", "closed", True)]
    assert len(rows(warehouse, "from staging.stg_salesforce__cases")) == len(cases) - 1


def test_nothing_is_lost_on_the_way(marts: duckdb.DuckDBPyConnection) -> None:
    reconciled = rows(
        marts,
        "select entity, stage, measure, difference from audit.reconciliation "
        "where source_system = 'salesforce'",
    )
    assert {
        ("orders", "raw_to_staging", "net_revenue"),
        ("customers", "raw_to_staging", "rows"),
    } <= {row[:3] for row in reconciled}
    assert {row[3] for row in reconciled} == {0}


# --- Files that Salesforce itself gives away -----------------------------------------------------

SAMPLES = "salesforce_samples/dataloader/samples"


@pytest.mark.shared_data
def test_ids_of_15_characters_find_their_records(shared_data: Path, tmp_path: Path) -> None:
    """Every opportunity of the Data Loader samples, its ids cut as reports cut them."""
    original = exported(shared_data / SAMPLES / "opportunityData.csv", "utf-8")
    cut = [row | {c: row[c][:15] for c in ("ID", "ACCOUNTID")} for row in original]
    folder = tmp_path / "landing/salesforce"
    folder.mkdir(parents=True)
    shutil.copy(
        shared_data / SAMPLES / "opportunityData.csv", folder / "opportunity_2026-01-01.csv"
    )
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(cut[0]))
    writer.writeheader()
    writer.writerows(cut)
    (folder / "opportunity_2026-01-02.csv").write_text(text.getvalue(), "utf-8")
    database = stage(
        "salesforce", tmp_path / "landing", tmp_path / "work", "+stg_salesforce__orders"
    )
    with duckdb.connect(str(database), read_only=True) as con:
        assert rows(con, "select count(*) from raw.salesforce__opportunities") == [(76,)]
        found = rows(
            con,
            "select opportunity_id, customer_id, amount, is_won, created_at::varchar "
            "from staging.stg_salesforce__opportunities",
        )
        assert sorted(found) == sorted(
            (
                row["ID"],
                row["ACCOUNTID"] or None,
                Decimal(row["AMOUNT"]) if row["AMOUNT"] else None,
                row["ISWON"] == "true",
                row["CREATEDDATE"].replace("T", " ").removesuffix(".000Z"),
            )
            for row in original
        )
        won = [row for row in original if row["ISWON"] == "true" and row["AMOUNT"]]
        assert rows(
            con, "select count(*), sum(net_revenue) from staging.stg_salesforce__orders"
        ) == [(len(won), sum(Decimal(row["AMOUNT"]) for row in won))]


@pytest.mark.shared_data
def test_accounts_of_the_data_loader_arrive_whole(shared_data: Path, tmp_path: Path) -> None:
    """The 423 accounts, their ids cut to 15 characters as reports cut them."""
    original = exported(shared_data / SAMPLES / "accountData.csv", "cp1252")
    folder = tmp_path / "landing/salesforce"
    folder.mkdir(parents=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(original[0]))
    writer.writeheader()
    writer.writerows(row | {"ID": row["ID"][:15]} for row in original)
    (folder / "account_2026-01-01.csv").write_text(text.getvalue(), "utf-8")
    database = stage(
        "salesforce", tmp_path / "landing", tmp_path / "work", "+stg_salesforce__customers"
    )
    with duckdb.connect(str(database), read_only=True) as con:
        set_aside = {number for (number,) in rows(con, "select row_number from audit.quarantine")}
        assert len(set_aside) <= 1
        arrived = [row for number, row in enumerate(original, 1) if number not in set_aside]
        assert sorted(
            rows(
                con,
                "select customer_id, customer_type, company_name, city, phone "
                "from staging.stg_salesforce__customers",
            )
        ) == sorted(
            (
                row["ID"],
                "organisation",
                row["NAME"].strip() or None,
                row["BILLINGCITY"].strip() or None,
                row["PHONE"].strip() or None,
            )
            for row in arrived
        )
        unknown = rows(
            con,
            "select distinct country_code from staging.stg_salesforce__customers "
            "where not regexp_full_match(country_code, '[A-Z]{2}')",
        )
        assert not unknown, "every spelling of a country in these files is known"


@pytest.mark.shared_data
def test_tables_of_a_connector_are_read(shared_data: Path, tmp_path: Path) -> None:
    seeds = shared_data / "connector_seeds/salesforce"
    objects = {
        "account": "accounts",
        "contact": "contacts",
        "lead": "leads",
        "opportunity": "opportunities",
        "opportunity_line_item": "opportunity_line_items",
        "product_2": "products",
        "task": "tasks",
        "event": "events",
    }
    folder = tmp_path / "landing/salesforce/2026-01-01"
    folder.mkdir(parents=True)
    for name in objects:
        shutil.copy(seeds / f"sf_{name}_data.csv", folder)
    database = stage("salesforce", tmp_path / "landing", tmp_path / "work")
    with duckdb.connect(str(database), read_only=True) as con:
        landed = dict(rows(con, "select object, rows_loaded from audit.input_files"))
        assert landed == {
            name: len(exported(seeds / f"sf_{file}_data.csv")) for file, name in objects.items()
        }
        people = [
            *exported(seeds / "sf_account_data.csv"),
            *exported(seeds / "sf_contact_data.csv"),
            *exported(seeds / "sf_lead_data.csv"),
        ]
        # Five accounts are deleted without a merge; one was merged and still means a customer.
        alive = [
            row
            for row in people
            if row["is_deleted"].lower() != "true" or row.get("master_record_id")
        ]
        assert sorted(
            rows(con, "select customer_id from staging.stg_salesforce__customers")
        ) == sorted((row["id"],) for row in alive)
        done = [
            row
            for row in exported(seeds / "sf_task_data.csv")
            if row["is_closed"] == "TRUE" and row["task_subtype"] in ("Call", "Email")
        ]
        meetings = exported(seeds / "sf_event_data.csv")
        assert rows(con, "select count(*) from staging.stg_salesforce__interactions") == [
            (len(done) + len(meetings),)
        ]


def test_no_rate_may_be_missing_where_amounts_are_converted() -> None:
    """Else the static rate would silently stand for a dated one that could not be read."""
    for rates in ("currency_types", "dated_conversion_rates"):
        assert project.company().ceiling_of("salesforce", rates) == 0


def test_a_list_of_ids_is_no_export(tmp_path: Path) -> None:
    """What Data Loader deletes by holds ids alone: as rows they would empty the accounts."""
    folder = tmp_path / "salesforce"
    folder.mkdir()
    (folder / "Account_2026-11-02.csv").write_text("ID\n0015g0000010001AAA\n", "utf-8")
    contract = project.contracts()["salesforce"]
    (file,) = land_system(contract, tmp_path, tmp_path / "raw", frozenset(), lambda _: None)
    assert (file.status, file.rows_loaded) == ("refused", 0)
    assert "required column name is missing" in str(file.message)


def test_data_loader_writes_times_with_their_zone(shared_data: Path, tmp_path: Path) -> None:
    """Its own test file of zones, as accounts: offsets, T or blank, months first or years first."""
    samples = shared_data / "salesforce_samples/dataloader/test_csv"
    zones = exported(samples / "timeZoneFormatTesting.csv")
    folder = tmp_path / "salesforce"
    folder.mkdir()
    with (folder / "Account_1.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Id", "Name", "CreatedDate"])
        writer.writerows([f"00{n}", row["Name"], row["Date"]] for n, row in enumerate(zones))
    contract = project.contracts()["salesforce"]
    (landed,) = land_system(contract, tmp_path, tmp_path / "raw", frozenset(), lambda _: None)
    assert (landed.rows_loaded, landed.rows_quarantined) == (12, 0)
    times = duckdb.execute(
        f"select name, created_date from read_parquet('{tmp_path}/raw/salesforce/**/*.parquet')"
    ).fetchall()

    def utc(text: str) -> str:
        form = "%m/%d/%Y %H:%M:%S%z" if "/" in text else "%Y-%m-%d %H:%M:%S%z"
        moment = datetime.strptime(text.replace("T", " "), form).astimezone(UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S}"

    assert dict(times) == {row["Name"]: utc(row["Date"]) for row in zones}
