"""Vendors' exports: their own layout, every event in one system, the same people in several."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from samples import SYSTEMS, parse_systems
from tests.unit.samples.sample_files import AS_OF, Sample, make_sample
from tests.unit.samples.test_sample_exports import hashes

VENDORS = parse_systems("vendors")
DAY = AS_OF.isoformat()
# Per object: files, columns that name a record, column that says when it was last changed.
CHANGING = {
    "salesforce/Account": ("Account.csv", ("Id",), "SystemModstamp"),
    "salesforce/Contact": ("Contact.csv", ("Id",), "SystemModstamp"),
    "salesforce/Opportunity": ("Opportunity.csv", ("Id",), "SystemModstamp"),
    "salesforce/CampaignMember": ("CampaignMember.csv", ("Id",), "SystemModstamp"),
    "loyalty/members": ("members.csv", ("member_id",), "updated_at"),
    "loyalty/referrals": ("referrals.csv", ("referral_id",), "updated_at"),
    "marketing/sends": ("sends.csv", ("campaign_id", "recipient_id"), "updated_at"),
}


def systems_of(names: tuple[str, ...], out: Path, **options: object) -> Sample:
    return make_sample(out, systems=names, **options)


@pytest.fixture(scope="session")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """All vendors' systems, exported once."""
    return systems_of(VENDORS, tmp_path_factory.mktemp("vendors"))


@pytest.fixture(scope="session")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The same company, exported twenty days before and then day by day."""
    return systems_of(VENDORS, tmp_path_factory.mktemp("daily"), days_of_deltas=20)


@pytest.fixture(scope="session")
def db(vendors: Sample, history: Sample) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every vendor file as a table of text, named system_file; the company's own beside them."""
    with duckdb.connect() as con:
        for path in sorted(vendors.out.glob(f"*/{DAY}/*")):
            name = f"{path.parts[-3]}_{path.stem.removesuffix('_' + DAY)}"
            name = name.removesuffix("-" + DAY).replace(" ", "_").replace("-", "_")
            if path.suffix == ".csv":
                skip = 3 if "ImportId" in path.read_text(encoding="utf-8")[:3000] else 1
                header = next(csv.reader(path.open(encoding="utf-8", newline="")))
                names = [label if header.count(label) == 1 else f"{label} {n}"
                         for n, label in enumerate(header)]  # fmt: skip
                con.execute(
                    f'create table "{name}" as from read_csv(?, header = false, skip = 0, '
                    "names = ?, all_varchar = true, delim = ',', quote = '\"', escape = '\"', "
                    f"strict_mode = true) offset {skip}",
                    [str(path), names],
                )
            elif path.suffix == ".ndjson":
                con.execute(f"create table {name} as from read_json(?)", [str(path)])
        con.execute(
            "create table zendesk_users as select unnest(users, recursive := true) from "
            f"read_json('{vendors.out}/zendesk/{DAY}/users.json')"
        )
        for name in ("identities", "orders"):
            con.execute(
                f"create table {name} as from read_csv(?, all_varchar = true)",
                [str(vendors.out / "truth" / f"{name}.csv")],
            )
        con.execute(
            "create table own_identities as from read_csv(?, all_varchar = true)",
            [str(history.out / "truth" / "identities.csv")],
        )
        for name in ("orders", "order_lines", "customers"):
            con.execute(
                f"create table own_{name} as from read_csv(?, all_varchar = true)",
                [[str(path) for path in history.files(name)]],
            )
        yield con


def count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def header(sample: Sample, system: str, file: str) -> list[str]:
    path = sample.out / system / DAY / file
    return next(csv.reader(path.open(encoding="utf-8", newline="")))


def test_equal_arguments_give_equal_bytes(vendors: Sample, tmp_path: Path) -> None:
    assert hashes(systems_of(VENDORS, tmp_path).out) == hashes(vendors.out)


def test_systems_are_chosen_by_name(tmp_path: Path) -> None:
    assert parse_systems("all") == SYSTEMS == ("canonical", *VENDORS)
    sample = systems_of(parse_systems("shopify, loyalty"), tmp_path, customers=50)
    assert {path.name for path in sample.out.iterdir()} == {"shopify", "loyalty", "truth"}
    with pytest.raises(ValueError, match="sap is not one of canonical, salesforce"):
        systems_of(("sap",), tmp_path / "other")


def test_a_system_alone_is_what_it_is_among_the_others(vendors: Sample, tmp_path: Path) -> None:
    alone = hashes(systems_of(("hubspot",), tmp_path).out / "hubspot")
    assert alone == hashes(vendors.out / "hubspot")


def test_every_order_is_in_exactly_one_system(db: duckdb.DuckDBPyConnection) -> None:
    assert count(db, "select count(*) from own_orders") > 4_000
    wrong = db.execute(
        """
        select order_id from own_orders left join orders using (order_id)
        group by order_id having count(orders.order_id) <> 1
        """
    )
    assert wrong.fetchone() is None
    systems = {row[0] for row in db.execute("select distinct source_system from orders").fetchall()}
    assert systems == {"shopify", "salesforce", "hubspot"}


def test_the_systems_sell_what_the_company_sold(db: duckdb.DuckDBPyConnection) -> None:
    """To the cent in dollars; amounts in other currencies within rounding at the month's rate."""
    sold = db.execute(
        """
        with exported as (
            select "Name" as source_record_id, "Subtotal"::double as amount
            from shopify_orders_export_1 where "Subtotal" is not null
            union all
            select "Name", "Subtotal"::double from shopify_orders_export_2
            where "Subtotal" is not null
            union all
            select "Record ID", "Amount"::double from hubspot_hubspot_crm_exports_all_deals
            where "Deal Name" like 'Order %'
            union all
            select Id, Amount::double / ConversionRate::double
            from salesforce_Opportunity
            join salesforce_DatedConversionRate
                on IsoCode = CurrencyIsoCode
                and CloseDate >= StartDate and CloseDate < coalesce(NextStartDate, '9999-12-31')
            where HasOpportunityLineItem = 'true'
        )
        select
            count(*),
            count(*) filter (where abs(amount - net_revenue::double) > 0.05),
            round(sum(amount) - sum(net_revenue::double), 2)
        from orders join exported using (source_record_id)
        """
    ).fetchone()
    assert sold is not None
    assert sold[:2] == (count(db, "select count(*) from own_orders"), 0)
    assert abs(sold[2]) < 0.5


def test_lines_of_the_shop_sum_to_their_order(db: duckdb.DuckDBPyConnection) -> None:
    different = db.execute(
        """
        with rows as (
            select "Name" as name, "Subtotal"::decimal(18, 2) as subtotal,
                "Discount Amount"::decimal(18, 2) as discount, "Discount Code" as code,
                "Lineitem price"::decimal(18, 2) * "Lineitem quantity"::integer as gross,
                "Lineitem discount"::decimal(18, 2) as line_discount
            from shopify_orders_export_1
        )
        select name from rows group by name
        having sum(gross) - max(discount) <> max(subtotal)
            or max(code) is null and sum(line_discount) <> max(discount)
        """
    )
    assert different.fetchone() is None


def test_times_of_the_shop_carry_the_offset_of_the_season(db: duckdb.DuckDBPyConnection) -> None:
    offsets = 'select distinct right("Created at", 5) from shopify_orders_export_1'
    found = db.execute(f'{offsets} where "Created at" is not null').fetchall()
    assert sorted(found) == [("-0400",), ("-0500",)]
    wrong = count(
        db,
        """
        select count(*)
        from shopify_orders_export_1
        join orders on source_record_id = "Name" join own_orders using (order_id)
        where strptime("Created at", '%Y-%m-%d %H:%M:%S %z')
            <> (own_orders.ordered_at || '+00')::timestamptz
        """,
    )
    assert wrong == 0


ORDER_START = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,"
    "Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
)


def test_headers_are_the_vendors(vendors: Sample) -> None:
    old = header(vendors, "shopify", "orders_export_1.csv")
    assert ",".join(old).startswith(ORDER_START)
    assert len(old) == len(set(old)) == 79
    new = header(vendors, "shopify", "orders_export_2.csv")
    assert new[:3] == ["Name", "Phone", "Email"]
    assert {*new} - {*old} == {
        *("Lineitem SKU", "Lineitem compare-at price", "Canceled at"),
        "Payment Reference (deprecated)",
    }
    contacts = header(vendors, "hubspot", f"hubspot-crm-exports-all-contacts-{DAY}.csv")
    assert contacts.count("Email hard bounce reason") == 2
    assert "Legal basis for processing contact's data" in contacts
    tickets = header(vendors, "hubspot", f"hubspot-crm-exports-all-tickets-{DAY}.csv")
    assert 'Date entered "New (Support Pipeline)"' in tickets
    assert header(vendors, "salesforce", "CaseHistory.csv") == [
        *("Id", "IsDeleted", "CaseId", "CreatedById", "CreatedDate"),
        *("Field", "DataType", "OldValue", "NewValue"),
    ]


def test_cells_of_an_order_stand_on_its_first_row_only(db: duckdb.DuckDBPyConnection) -> None:
    wrong = db.execute(
        """
        select "Name" from shopify_orders_export_1
        group by "Name"
        having count("Subtotal") <> 1 or count("Currency") <> 1 or count("Id") <> 1
            or count("Lineitem name") <> count(*)
        """
    )
    assert wrong.fetchone() is None
    zips = "select count(*) from shopify_orders_export_1 where \"Billing Zip\" not like '''_____'"
    assert count(db, zips) == 0


def test_surveys_have_three_header_rows_and_one_is_utf_16(vendors: Sample) -> None:
    folder = vendors.out / "qualtrics" / DAY
    with (folder / f"Order experience_{DAY}.csv").open(encoding="utf-8", newline="") as stream:
        names, texts, imports, *rows = csv.reader(stream)
    assert names[:3] == ["StartDate", "EndDate", "Status"]
    assert any("\n" in text for text in texts)
    assert all("ImportId" in json.loads(cell) for cell in imports)
    assert {row[names.index("Status")] for row in rows} > {"IP Address"}
    assert "False" in {row[names.index("Finished")] for row in rows}
    follow_up = (folder / f"Service follow-up_{DAY}.tsv").read_bytes()
    assert follow_up.startswith(b"\xff\xfe")
    assert follow_up.decode("utf-16").splitlines()[0].split("\t")[-1] == "CaseNumber"


def test_salesforce_ids_carry_the_published_checksum(db: duckdb.DuckDBPyConnection) -> None:
    """Per five characters, a bit for every capital, as in 0011G00000tLWKn + QAO."""

    def full(short: str) -> str:
        chunks = [short[n : n + 5] for n in (0, 5, 10)]
        bits = [sum(1 << n for n, c in enumerate(chunk) if c.isupper()) for chunk in chunks]
        return short + "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[b] for b in bits)

    assert full("0011G00000tLWKn") == "0011G00000tLWKnQAO"
    for table in ("Account", "Contact", "Opportunity", "Case", "Task", "Product2"):
        ids = [row[0] for row in db.execute(f"select Id from salesforce_{table}").fetchall()]
        assert len({*ids}) == len(ids) > 0
        assert all(full(text[:15]) == text for text in ids)
    (short,) = db.execute("select any_value(WhoId) from salesforce_Event").fetchone() or ("",)
    assert len(short) == 15


REFERENCES = (
    ("salesforce_Contact", "AccountId", "salesforce_Account", "Id"),
    ("salesforce_Account", "ParentId", "salesforce_Account", "Id"),
    ("salesforce_Account", "MasterRecordId", "salesforce_Account", "Id"),
    ("salesforce_Contact", "MasterRecordId", "salesforce_Contact", "Id"),
    ("salesforce_Opportunity", "AccountId", "salesforce_Account", "Id"),
    ("salesforce_OpportunityLineItem", "OpportunityId", "salesforce_Opportunity", "Id"),
    ("salesforce_OpportunityLineItem", "Product2Id", "salesforce_Product2", "Id"),
    ("salesforce_Case", "AccountId", "salesforce_Account", "Id"),
    ("salesforce_CaseHistory", "CaseId", "salesforce_Case", "Id"),
    ("salesforce_Task", "WhatId", "salesforce_Case", "Id"),
    ("salesforce_CampaignMember", "CampaignId", "salesforce_Campaign", "Id"),
    ("salesforce_Lead", "ConvertedAccountId", "salesforce_Account", "Id"),
    ("shopify_orders_export_1", '"Lineitem sku"', "shopify_products_export", '"Variant SKU"'),
    ("zendesk_tickets_1", "requester_id", "zendesk_users", "id"),
    ("zendesk_tickets_2", "requester_id", "zendesk_users", "id"),
    ("zendesk_satisfaction_ratings", "requester_id", "zendesk_users", "id"),
    ("loyalty_ledger", "member_id", "loyalty_members", "member_id"),
    ("loyalty_tiers", "member_id", "loyalty_members", "member_id"),
    ("loyalty_referrals", "referrer_member_id", "loyalty_members", "member_id"),
    ("loyalty_referrals", "referred_member_id", "loyalty_members", "member_id"),
    ("marketing_sends", "campaign_id", "marketing_campaigns", "campaign_id"),
    ("marketing_responses", "recipient_id", "marketing_sends", "recipient_id"),
)


@pytest.mark.parametrize(("table", "column", "target", "key"), REFERENCES)
def test_references_are_known(
    table: str, column: str, target: str, key: str, db: duckdb.DuckDBPyConnection
) -> None:
    used = f"select count({column}) from {table}"
    assert count(db, used) > 0
    orphans = f"select count(*) from {table} where {column} not in (select {key} from {target})"
    assert count(db, orphans) == 0


RECORDS = {
    ("salesforce", "accounts"): "select Id from salesforce_Account",
    ("salesforce", "contacts"): "select Id from salesforce_Contact",
    ("salesforce", "leads"): "select Id from salesforce_Lead",
    ("hubspot", "companies"): (
        "select 'company:' || \"Record ID\" from hubspot_hubspot_crm_exports_all_companies"
    ),
    ("zendesk", "users"): "select id::varchar from zendesk_users where role = 'end-user'",
    ("shopify", "customers"): 'select "Customer ID" from shopify_customers_export',
    ("delighted", "responses"): "select distinct person from delighted_delighted",
    ("loyalty", "members"): "select member_id from loyalty_members",
    ("marketing", "sends"): "select distinct recipient_id from marketing_sends",
}


@pytest.mark.parametrize(("system", "name"), RECORDS)
def test_truth_names_exactly_the_records_of_the_files(
    system: str, name: str, db: duckdb.DuckDBPyConnection
) -> None:
    exported = db.execute(RECORDS[system, name]).fetchall()
    known = db.execute(
        "select source_record_id from identities where source_system = ? and source_object = ?",
        [system, name],
    ).fetchall()
    assert len(exported) > 20
    assert sorted(exported) == sorted(known)


def test_truth_names_contacts_guests_and_recipients(db: duckdb.DuckDBPyConnection) -> None:
    """Merged contacts are gone from the file; guests and recipients must have left a trace."""
    contacts = "hubspot_hubspot_crm_exports_all_contacts"
    gone = f"""
        select source_record_id from identities
        where source_system = 'hubspot' and source_object = 'contacts'
          and source_record_id not in (select "Record ID" from {contacts})
    """
    merged = {row[0] for row in db.execute(gone).fetchall()}
    named = db.execute(f"select string_agg(\"Merged Contact IDs\", ';') from {contacts}").fetchone()
    assert named is not None
    assert merged == {*named[0].split(";")} != set()
    guests = """
        select 'guest:' || "Name" from (
            select "Name", "Email", "Phone", "Billing Name" from shopify_orders_export_1
            union all
            select "Name", "Email", "Phone", "Billing Name" from shopify_orders_export_2
        )
        where coalesce("Email", "Phone", "Billing Name") is not null and "Name" in (
            select substr(source_record_id, 7) from identities
            where source_system = 'shopify' and source_object = 'orders'
        )
    """
    known = """
        select source_record_id from identities
        where source_system = 'shopify' and source_object = 'orders'
    """
    assert sorted(db.execute(guests).fetchall()) == sorted(db.execute(known).fetchall())
    accounts = f"""
        {guests.strip()} and "Email" in (select "Email" from shopify_customers_export)
    """
    assert db.execute(accounts).fetchone() is None, "a guest with the mailbox of an account"


NAMES = {
    "guests": """
        select 'guest:' || "Name" as record, regexp_extract("Billing Name", '[^ ]+$') as family
        from (
            select "Name", "Billing Name" from shopify_orders_export_1
            union all
            select "Name", "Billing Name" from shopify_orders_export_2
        )
    """,
    "shop": 'select "Customer ID", "Last Name" from shopify_customers_export',
    "members": "select member_id, last_name from loyalty_members",
    "recipients": "select recipient_id, last_name from marketing_sends",
    "users": "select id::varchar, regexp_extract(name, '[^ ]+$') from zendesk_users",
    "contacts": 'select "Record ID", "Last Name" from hubspot_hubspot_crm_exports_all_contacts',
    "answers": """
        select 'response:' || "ResponseId", "RecipientLastName"
        from qualtrics_Order_experience
    """,
    "leads": "select Id, LastName from salesforce_Lead",
}


@pytest.mark.parametrize("name", NAMES)
def test_records_carry_the_name_of_their_person(name: str, db: duckdb.DuckDBPyConnection) -> None:
    """Slips, accents, marriages and characters apart. Truth once named the guests of others."""
    row = db.execute(
        f"""
        with own as (
            select person_id, any_value(last_name) as family
            from own_customers join own_identities on customer_id = source_record_id
            where kind = 'person'
            group by person_id
        ),
        records(record, family) as ({NAMES[name]})
        select count(*), avg((strip_accents(records.family) = strip_accents(own.family))::int)
        from records
        join identities on source_record_id = record join own using (person_id)
        where records.family is not null and own.family is not null
        """
    ).fetchone()
    assert row is not None
    assert row[0] > 20
    assert row[1] > 0.85


def test_people_are_known_in_several_systems_under_several_names(
    db: duckdb.DuckDBPyConnection,
) -> None:
    known = """
        select person_id, 'shopify' as system, "First Name" as given, "Last Name" as family,
            lower("Email") as email
        from identities join shopify_customers_export on source_record_id = "Customer ID"
        union all
        select person_id, 'loyalty', first_name, last_name, lower(email)
        from identities join loyalty_members on source_record_id = member_id
        union all
        select person_id, 'hubspot', "First Name", "Last Name", lower("Email")
        from identities
        join hubspot_hubspot_crm_exports_all_contacts on source_record_id = "Record ID"
        union all
        select distinct person_id, 'marketing', first_name, last_name, lower(email)
        from identities join marketing_sends on source_record_id = recipient_id
        union all
        select person_id, 'guest', split_part("Billing Name", ' ', 1),
            split_part("Billing Name", ' ', 2), lower("Email")
        from identities
        join shopify_orders_export_1 on source_record_id = 'guest:' || "Name"
        where "Subtotal" is not null
    """
    db.execute(f"create or replace temp table known as {known}")
    pairs = "from known as a join known as b using (person_id) where a.system < b.system and"
    assert count(db, f"select count(*) {pairs} a.given = 'Robert' and b.given = 'Bob'") > 0 or (
        count(db, "select count(*) from known where given in ('Bob', 'Liz', 'Jen', 'Mike')") > 0
    )
    in_characters = "regexp_matches(a.family, '\\p{Han}') and regexp_matches(b.family, '^[A-Z]')"
    assert count(db, f"select count(*) {pairs} {in_characters}") > 0
    assert count(db, f"select count(*) {pairs} a.email <> b.email") > 0
    assert count(db, f"select count(*) {pairs} strip_accents(a.family) <> b.family") > 0
    shared = "select count(*) from (select email from known group by email having {})"
    family = "count(distinct person_id) > 1 and email like '%@family.example'"
    assert count(db, shared.format(family)) > 0
    office = "count(distinct person_id) > 1 and email like 'info@%'"
    assert count(db, shared.format(office)) > 0
    placeholder = "count(distinct person_id) > 1 and email = 'test@test.com'"
    assert count(db, shared.format(placeholder)) == 1
    namesakes = """
        select count(*) from (
            select given, family from known where family is not null
            group by all having count(distinct person_id) > 1
        )
    """
    assert count(db, namesakes) > 10
    systems = """
        select max(systems), max(records) from (
            select count(distinct source_system) as systems, count(*) as records
            from identities group by person_id
        )
    """
    row = db.execute(systems).fetchone()
    assert row is not None
    assert row[0] >= 5
    assert row[1] <= 25, "a person no matcher would be allowed to find"


def test_accounts_have_contacts_duplicates_and_parents(db: duckdb.DuckDBPyConnection) -> None:
    row = db.execute(
        """
        select
            count(*) filter (where kind = 'organisation'),
            count(distinct person_id) filter (where kind = 'organisation'),
            count(*) filter (where MasterRecordId is not null and kind = 'organisation'),
            count(ParentId),
            count(*) filter (where IsPersonAccount = 'true' and kind = 'person')
        from salesforce_Account join identities on source_record_id = Id
        """
    ).fetchone()
    assert row is not None
    accounts, organisations, merged, children, persons = row
    assert accounts == organisations + merged
    assert min(merged, children, persons) > 0


def test_every_account_of_the_shop_has_a_mailbox_of_its_own(db: duckdb.DuckDBPyConnection) -> None:
    """An order without one would be taken for a guest's, whom truth does not know."""
    row = db.execute(
        """
        select
            count(*),
            count(distinct lower("Email")),
            count(*) filter (where "Email" like 'test@%')
        from shopify_customers_export
        """
    ).fetchone()
    assert row is not None
    assert row[0] == row[1]
    assert row[2] == 0


def test_an_anonymous_sale_names_nobody(db: duckdb.DuckDBPyConnection) -> None:
    anonymous = """
        select count(*) from shopify_orders_export_1
        where "Subtotal" is not null and "Billing Name" is null and "Email" is null
          and "Phone" is null
    """
    assert count(db, anonymous) > 20
    assert count(db, f"{anonymous} and \"Source\" <> 'pos'") == 0


@pytest.mark.parametrize("name", CHANGING)
def test_deltas_lead_to_the_same_state_as_a_full_export(
    name: str, vendors: Sample, daily: Sample
) -> None:
    file, key, changed = CHANGING[name]
    system = name.split("/")[0]
    read = "read_csv(?, all_varchar = true, filename = true, quote = '\"', escape = '\"')"
    newest = (
        f"row_number() over (partition by {', '.join(key)} order by {changed} desc, filename desc)"
    )
    query = f"""
        select * exclude (filename) from {read} qualify {newest} = 1 order by {", ".join(key)}
    """
    paths = sorted(str(path) for path in (daily.out / system).glob(f"*/{file}"))
    assert len(paths) > 1
    state = duckdb.execute(query, [paths]).fetchall()
    assert state == duckdb.execute(query, [[str(vendors.out / system / DAY / file)]]).fetchall()


def test_nothing_lies_after_the_export(daily: Sample) -> None:
    """No time of a file is later than the day it was exported on."""
    for path in sorted(daily.out.glob("*/*/*.csv")):
        day, text = path.parent.name, path.read_text(encoding="utf-8")
        times = re.findall(r"\b(20\d\d-\d\d-\d\d)[T ]\d\d:\d\d:\d\d(?:\.000Z)?(?! -0)", text)
        assert not times or max(times) < day, path


def test_the_days_of_spend_sum_to_the_costs_of_the_months(
    db: duckdb.DuckDBPyConnection, history: Sample
) -> None:
    spent = db.execute(
        """
        select channel, spend_date[:7], sum(amount::decimal(18, 2)) from marketing_spend
        group by all order by all
        """
    ).fetchall()
    costs = duckdb.execute(
        """
        select channel, incurred_on[:7], sum(amount::decimal(18, 2))
        from read_csv(?, all_varchar = true) where cost_type = 'acquisition'
        group by all order by all
        """,
        [[str(path) for path in history.files("costs")]],
    ).fetchall()
    assert spent == costs
