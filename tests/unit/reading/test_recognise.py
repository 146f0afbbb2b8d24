"""The dry run: the same answers as landing, and a draft for what no contract describes."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.contracts import ExportObject, load_contract
from orchestration.lib.reading.draft import joined
from orchestration.lib.reading.recognise import recognise
from orchestration.lib.reading.sources import Source
from tests.unit.reading.conftest import Shop

PROJECT = Path(__file__).parents[3]
SHARED = PROJECT.parent / "shared" / "data"


def test_a_dry_run_says_what_landing_would_do_and_keeps_nothing(shop: Shop) -> None:
    text = "order_id;amount;colour\n1;1,5;red\n2;x;blue\n"
    path = shop.put("orders_2026-01-02.csv", text)
    found = recognise(Source(path, path.name), shop.contract().object("orders"), "shop")
    assert not shop.raw.exists()
    (landed,) = shop.land()
    same = ("encoding", "delimiter", "rows_in_file", "rows_quarantined", "columns_added", "message")
    assert [getattr(found.record, n) for n in same] == [getattr(landed, n) for n in same]
    assert found.columns == {"order_id": "order_id", "amount": "amount"}
    assert found.decisions["columns"]["amount"]["decimal"] == ","
    (bad,) = found.bad_rows
    assert (bad.line_number, bad.column_name, bad.reason) == (3, "amount", "bad_type")
    assert not found.is_draft


def test_a_file_that_would_be_refused_says_so(shop: Shop) -> None:
    path = shop.put("orders.csv", "order_id,amuont\n1,2\n")
    found = recognise(Source(path, path.name), shop.contract().object("orders"), "shop")
    assert found.record.status == "refused"
    assert "add it to the aliases" in str(found.record.remedy)


@pytest.mark.parametrize("name", ["unknown.csv", "unknown.json"])
def test_a_contract_is_drafted_from_the_values(shop: Shop, name: str) -> None:
    header = ["Kunden-Nr.", "Umsatz", "seit", "Wann", "aktiv", "Anzahl", "Ort"]
    first = ["0017", "1.234,50", "31.12.2025", "2026-01-05T10:00Z", "ja", "3", "Köln"]
    second = ["0018", "12,00", "01.02.2025", "2026-01-06T11:30Z", "nein", "14", "Bonn; Beuel"]
    rows = [dict(zip(header, row, strict=True)) for row in (first, second)]
    if name.endswith(".csv"):
        lines = [";".join(rows[0]), *(";".join(f'"{v}"' for v in row.values()) for row in rows)]
        path = shop.put(name, ("Bericht\n\n" + "\n".join(lines) + "\n").encode("cp1252"))
    else:
        path = shop.put(name, json.dumps({"rows": rows}))
    found = recognise(Source(path, path.name), None)
    assert found.is_draft
    assert found.exported is not None
    assert {c.name: c.type for c in found.exported.columns} == {
        "kunden_nr": "identifier",
        "umsatz": "decimal",
        "seit": "date",
        "wann": "timestamp",
        "aktiv": "boolean",
        "anzahl": "integer",
        "ort": "text",
    }
    assert (found.record.rows_in_file, found.record.rows_quarantined) == (2, 0)


def drafts(shop: Shop, files: dict[str, str | bytes]) -> list[ExportObject]:
    """Draft the objects of some files."""
    found = []
    for name, content in files.items():
        path = shop.put(name, content)
        drafted = recognise(Source(path, path.name), None).exported
        assert drafted is not None
        found.append(drafted)
    return joined(found)


def test_a_day_that_there_is_not_makes_no_text_column(shop: Shop) -> None:
    """One 31.02. among the days of a year made texts of all, and nobody was told."""
    days = [f"{1 + i % 28:02d}.{1 + i % 12:02d}.2025 08:30" for i in range(40)]
    rows = "".join(f"{i};{day};{i}a\n" for i, day in enumerate([*days, "31.02.2025 08:30"]))
    path = shop.put("visits.csv", "no;when;room\n" + rows)
    found = recognise(Source(path, path.name), None)
    assert found.exported is not None
    assert {c.name: c.type for c in found.exported.columns}["when"] == "timestamp"
    assert dict(found.reasons) == {"bad_type": 1}
    # A text that begins with days stays one.
    (text,) = drafts(shop, {"notes.csv": "no,when\n1,2025-01-05\n2,2025-01-06\n3,soon\n"})
    assert text.column("when").type == "text"


def test_files_named_by_codes_are_one_object(shop: Shop) -> None:
    rows = "Score,Mail\n7,a@x.de\n9,b@x.de\n"
    files: dict[str, str | bytes] = {
        "responses-Wq8hYz2L-01K6F0Y5.csv": rows,
        "responses-Wq8hYz2L-01K9A2CD.csv": rows + "8,c@x.de\n",
    }
    (drafted,) = drafts(shop, files)
    assert (drafted.name, drafted.files) == ("responses", ("responses*.csv",))
    (plain,) = drafts(shop, {"q3_report_v2_20260105T093000Z.csv": rows})
    assert plain.files == ("q*report_v*Z*.csv",)


def test_a_column_with_a_new_name_between_the_same_neighbours_is_an_alias(shop: Shop) -> None:
    """Two columns were drafted, each empty in half of the files."""
    before = "Order #,Status,Order total,Note\nA1,open,2.50,x\nA2,paid,3.75,y\n"
    after = before.replace("Order total", "Total amount").replace("A", "B")
    (drafted,) = drafts(shop, {"orders_2026-01.csv": before, "orders_2026-02.csv": after})
    assert [c.name for c in drafted.columns] == ["order", "status", "order_total", "note"]
    total = drafted.column("order_total")
    assert total.aliases == ("Order total", "Total amount")
    assert "'Total amount'" in total.description
    # Another type, or another place, is another column.
    text = after.replace("2.50", "many").replace("3.75", "few")
    (drafted,) = drafts(shop, {"orders_2026-01.csv": before, "orders_2026-02.csv": text})
    assert len(drafted.columns) == 5


def test_a_position_makes_a_better_key_than_what_stands_there(shop: Shop) -> None:
    rows = "".join(f"{o},S{o % 7}{p},{p}\n" for o in range(100, 120) for p in (1, 2, 3))
    (drafted,) = drafts(shop, {"lines.csv": "Order number,Product SKU,Item #\n" + rows})
    assert drafted.key == ("order_number", "item")
    (drafted,) = drafts(shop, {"forms.csv": "#,Network ID\nk1,n1\nk2,n2\n"})
    assert drafted.key == ("number",)


def test_a_likely_encoding_stands_in_the_draft(shop: Shop) -> None:
    text = "Name;Straße\n" + "Jörg Müller;Königsallee\n" * 9
    (drafted,) = drafts(shop, {"kunden.csv": text.encode("cp1252")})
    assert drafted.encoding == "cp1252"
    (certain,) = drafts(shop, {"kunden.csv": text.encode()})
    assert certain.encoding is None


def test_numbers_of_incidents_are_no_amounts(shop: Shop) -> None:
    """CAD0000045 was once drafted as the integer 45 of a currency, MUG-1 as -1 of another."""
    rows = [
        "number,ticket,sku,cost,price,phone numbers",
        "CAD0000045,CAD7,MUG-1,EUR 3,12.00,+62 361 000 111",
        "CAD0000047,CAD9,MUG-2,EUR 5,7.00,",
    ]
    path = shop.put("incidents.csv", "\n".join(rows) + "\n")
    found = recognise(Source(path, path.name), None)
    assert found.exported is not None
    assert {c.name: c.type for c in found.exported.columns} == {
        "number": "identifier",
        "ticket": "identifier",
        "sku": "text",
        "cost": "integer",
        "price": "decimal",
        "phone_numbers": "identifier",
    }


def test_a_header_without_the_delimiter_that_all_rows_end_with_is_the_header(shop: Shop) -> None:
    """The first row was once taken for the names, as the only width that repeats was its."""
    rows = ["compte;date;montant", *(f"2221;0{day}/06/2018;-16,5{day};" for day in (4, 5, 6))]
    path = shop.put("releve.csv", "\n".join([*rows, "2222;31/05/2018;1,00;"]) + "\n")
    found = recognise(Source(path, path.name), None)
    assert found.exported is not None
    assert [c.name for c in found.exported.columns][:3] == ["compte", "date", "montant"]
    assert found.record.rows_loaded == 4


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not beside the project")
@pytest.mark.parametrize(
    ("name", "rows", "delimiter"),
    [
        ("maven_crm/sales_pipeline.csv", 8800, ","),
        ("identity_truth/febrl1.csv", 1000, ", "),
        ("telco/Telco-Customer-Churn.csv", 7043, ","),
        ("connector_seeds/hubspot/contact_data.csv", None, ","),
    ],
)
def test_real_files_are_recognised_without_a_contract(
    name: str, rows: int | None, delimiter: str
) -> None:
    found = recognise(Source(SHARED / name, Path(name).name), None)
    assert (found.record.status, found.record.delimiter) == ("loaded", delimiter)
    assert found.record.rows_quarantined == 0
    assert rows is None or found.record.rows_in_file == rows


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not beside the project")
@pytest.mark.parametrize(
    ("encoding", "delimiter", "dates"),
    [
        ("utf-8", ",", "%Y-%m-%d %H:%M:%S"),
        ("cp1252", ";", "%d/%m/%Y %H:%M:%S"),
        ("utf-16", "\t", "%m/%d/%Y %I:%M:%S %p"),
        ("gb18030", "|", "%d.%m.%Y %H:%M:%S"),
    ],
)
def test_a_real_file_written_otherwise_lands_alike(
    shop: Shop, encoding: str, delimiter: str, dates: str
) -> None:
    """Won deals of Olist, re-encoded, re-dated, with decimal commas and a preamble."""
    contract = load_contract(PROJECT / "orchestration" / "defs" / "raw" / "olist" / "defs.yaml")
    exported = contract.object("closed_deals").model_copy(update={"files": ("orders*",)})
    with (SHARED / "olist/olist_closed_deals_dataset.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    won, revenue = header.index("won_date"), header.index("declared_monthly_revenue")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(header)
    comma = delimiter != ","
    for row in rows:
        changed = list(row)
        changed[won] = datetime.fromisoformat(row[won]).strftime(dates)
        changed[revenue] = row[revenue].replace(".", "," if comma else ".")
        writer.writerow(changed)
    path = shop.put("orders.csv", ("Relatório não oficial\r\n" + text.getvalue()).encode(encoding))
    changed_contract = contract.model_copy(update={"system": "shop", "objects": (exported,)})
    (record,) = shop.land(changed_contract)
    assert path.exists()
    assert (record.status, record.rows_quarantined) == ("loaded", 0), record.message
    with duckdb.connect() as con:
        landed = con.execute(
            "select mql_id, won_date, declared_monthly_revenue::decimal(18, 4) "
            f"from '{shop.raw / str(record.parquet_path)}'"
        ).fetchall()
    expected = [(row[0], row[won], row[revenue]) for row in rows]
    assert [(key, time) for key, time, _ in landed] == [(key, time) for key, time, _ in expected]
    assert [float(money) for *_, money in landed] == [float(money) for *_, money in expected]


def test_a_draft_knows_words_of_other_languages(shop: Shop) -> None:
    text = (
        "Kartennummer;Vorname;Geburtsdatum;PLZ;Straße;Geändert am\n"
        "K100;Anna;12.03.1985;01067;Am Markt 1;03.10.2026\n"
        "K101;Jörg;28.11.1990;04109;Gasse 2;14.10.2026\n"
    )
    path = shop.put("Kunden_2026-10-31.csv", text)
    found = recognise(Source(path, path.name), None)
    drafted = found.exported
    assert drafted is not None
    assert {c.name: c.pii for c in drafted.columns if c.pii} == {
        "vorname": "direct",
        "strasse": "direct",
        "geburtsdatum": "quasi",
        "plz": "quasi",
    }
    assert (drafted.key, drafted.watermark) == (("kartennummer",), "geandert_am")
    assert (drafted.name, drafted.usual_date_order) == ("kunden", "dmy")


def test_eight_digits_that_all_are_days_are_drafted_as_dates(shop: Shop) -> None:
    path = shop.put("sales.csv", "sale,day,pieces\nA1,20240131,20241350\nA2,20240201,20240201\n")
    drafted = recognise(Source(path, path.name), None).exported
    assert drafted is not None
    assert {c.name: c.type for c in drafted.columns if c.name != "sale"} == {
        "day": "date",
        "pieces": "integer",
    }


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("created_at", ["1700000000", "1700000001"], "timestamp"),
        ("Created", ["1700000000123", "1700000001456"], "timestamp"),
        ("closedate", ["1700000000.5", "1700000001"], "timestamp"),
        ("Start time", ["1700000000", "1700086400"], "timestamp"),
        ("signup_date", ["45992", "45993"], "date"),
        ("signup_date", ["45992.25", "45993"], "timestamp"),
        ("signup_date", ["45992,25", "45993"], "timestamp"),
        ("birthdate", ["19850312", "", "19901128"], "date"),
        ("synced", ["44021.4627437037", "44021.5"], "timestamp"),
        ("synced", ["44021.46", "44021.5"], "decimal"),
        ("sent", ["20240131T103000Z", "20240201T000000Z"], "timestamp"),
        ("sent", ["20240131 1030", "20240201 0000"], "timestamp"),
        ("stamp", ["20240131103000", "", "20240201000000"], "timestamp"),
        # what has as many digits, and is no time
        ("customer", ["1700000000123", "1700000001456"], "integer"),
        ("time_to_close_minutes", ["45992", "45993"], "integer"),
        ("time", ["45992", "45993"], "integer"),
        ("employees", ["45992", "45993"], "integer"),
        ("pieces", ["19850312", "19901128"], "integer"),
        ("mobile", ["4915112345678", "4915112345679"], "identifier"),
        ("NetSuite_Id__c", ["934887", "1058073"], "identifier"),
    ],
)
def test_numbers_are_drafted_as_times_where_their_name_says_so(
    shop: Shop, name: str, values: list[str], kind: str
) -> None:
    """Incident to prevent: times that are counted were drafted as numbers, and nothing said so."""
    rows = "".join(f"a{at};{value}\n" for at, value in enumerate(values))
    path = shop.put("things.csv", f"code;{name}\n{rows}")
    drafted = recognise(Source(path, path.name), None).exported
    assert drafted is not None
    assert drafted.columns[1].type == kind


@pytest.mark.parametrize(
    ("text", "headers", "rows"),
    [
        # a bank: its own lines above and a quote in the text
        (
            'Konto:;DE00;\nVon:;01.11.2025;\n\n"Tag";"Zweck";"Betrag";"Info";\n'
            '"01.12.2025";"Miete; Bad";"-850,00";"";\n"02.12.2025";"Gas ""neu""";"-9,10";"";\n',
            ["tag", "zweck", "betrag", "info"],
            2,
        ),
        # decimal commas and escaped quotes
        (
            'Year;Make;Model;Price\n1997;Ford;"ac; abs";3000,00\n'
            '1999;Chevy;"the \\"Extended\\"";4900,00\n1996;Jeep;"a\nb";47,00\n',
            ["year", "make", "model", "price"],
            3,
        ),
    ],
)
def test_a_draft_takes_the_table_and_not_the_lines_above(
    shop: Shop, text: str, headers: list[str], rows: int
) -> None:
    path = shop.put("umsatz.csv", text)
    found = recognise(Source(path, path.name), None)
    assert found.exported is not None
    assert [c.name for c in found.exported.columns][: len(headers)] == headers
    assert (found.record.rows_loaded, found.record.delimiter) == (rows, ";")


def test_a_draft_counts_the_header_rows_of_qualtrics(shop: Shop) -> None:
    text = 'ResponseId,Q1\nResponse ID,"How likely,\nreally?"\n'
    text += '"{""ImportId"":""_recordId""}","{""ImportId"":""QID1""}"\nR_1,9\nR_2,10\n'
    path = shop.put("survey.csv", text)
    found = recognise(Source(path, path.name), None)
    assert found.exported is not None
    assert (found.exported.header_rows, found.record.rows_loaded) == (3, 2)
    assert found.exported.column("q1").type == "integer"


def test_totals_and_notes_of_a_report_are_no_records(shop: Shop) -> None:
    """A report of Salesforce: its total landed as an account."""
    text = '"Account","Amount","Owner"\n"Acme","$12.00","Ann"\n"Foo","$3.00","Bo"\n'
    text += '"Grand Totals (2 records)","$15.00",""\n"Report created May 3 - RX7",,\n'
    path = shop.put("report.csv", text)
    found = recognise(Source(path, path.name), None)
    assert (found.record.rows_loaded, found.reasons) == (2, {"not_a_record": 2})


def test_a_draft_removes_the_apostrophe_before_digits(shop: Shop) -> None:
    path = shop.put("products.csv", "handle,barcode\nshirt,'0412\nhat,\ncap,none yet\n")
    found = recognise(Source(path, path.name), None)
    assert found.exported is not None
    assert found.exported.column("barcode").type == "identifier"


def test_a_number_in_one_word_is_a_key(shop: Shop) -> None:
    """The draft took the receipt that a payment is for, because its name ends with a word."""
    text = "Zahlungsnr;Beleg-ID;Betrag\nZ1;B1;24,80\nZ2;B2;3,10\n"
    path = shop.put("zahlungen.csv", text)
    drafted = recognise(Source(path, path.name), None).exported
    assert drafted is not None
    assert drafted.key == ("zahlungsnr",)


def test_a_decimal_comma_in_every_row_is_no_delimiter(shop: Shop) -> None:
    """With one shifted row the comma fitted as many rows as the semicolon, and came first."""
    rows = "".join(f"{n};Zoë;{n},50\n" for n in range(10, 30))
    text = "Nr;Vorname;Guthaben\n" + rows + "30;Zoë; II;1,50\n"
    (draft,) = drafts(shop, {"members.csv": text})
    assert [(c.name, c.type) for c in draft.columns] == [
        ("nr", "identifier"),
        ("vorname", "text"),
        ("guthaben", "decimal"),
    ]


def test_a_draft_says_which_texts_are_nearly_numbers(shop: Shop) -> None:
    """One answer "k. A." made a text of all scores, and nobody was told."""
    scores = "".join(f"{n};{n % 11};Bonn {n}\n" for n in range(30))
    (draft,) = drafts(shop, {"answers.csv": f"Nr;Score;Ort\n{scores}30;k. A.;Ulm\n"})
    told = draft.column("score")
    assert (told.type, told.description) == (
        "text",
        "integer but for 1 of 31 cells, whose rows would go to quarantine.",
    )
    assert draft.column("ort").description == ""


def test_a_key_that_some_rows_repeat_is_drafted(shop: Shop) -> None:
    """One record in two versions, and the draft had no key: every row would have counted."""
    rows = "".join(f"{n:04};Bonn\n" for n in range(200))
    (draft,) = drafts(shop, {"members.csv": f"Mitgliedsnr;Ort\n{rows}0007;Ulm\n"})
    assert draft.key == ("mitgliedsnr",)
    more = "".join(f"{n:04};Ulm\n" for n in range(20))
    (draft,) = drafts(shop, {"stays.csv": f"Mitgliedsnr;Ort\n{rows}{more}"})
    assert draft.key == ()


def test_a_german_deletion_flag_is_drafted(shop: Shop) -> None:
    """One file holds what is deleted, another what is not; `J` was no boolean."""
    head = "Nr;Gelöscht\n"
    files = {"refunds_1.csv": f"{head}1;N\n2;N\n", "refunds_2.csv": f"{head}3;J\n4;J\n"}
    (draft,) = drafts(shop, files)
    assert (draft.deleted_flag, draft.column("geloscht").type) == ("geloscht", "boolean")


def test_a_day_alone_is_never_the_key_of_a_draft(shop: Shop) -> None:
    path = shop.put("konto.csv", "date,text,amount\n2026-01-05,Rent,1.5\n2026-02-13,Food,2.5\n")
    drafted = recognise(Source(path, path.name), None).exported
    assert drafted is not None
    assert drafted.key == ()


def test_a_header_that_looks_like_a_row_is_told(shop: Shop) -> None:
    path = shop.put("people.csv", "John,Doe,NJ,08075\nJack,Lee,PA,09119\nAnn,Ray,SD,91234\n")
    message = str(recognise(Source(path, path.name), None).record.message)
    assert message.startswith("the name of column 4 looks like a value")
    path = shop.put("deals.csv", "Won,Ann,3\nLost,Ann,4\nWon,Bob,5\nWon,Ann,6\nLost,Cy,7\n")
    message = str(recognise(Source(path, path.name), None).record.message)
    assert message.startswith("the names of columns 1, 2 are also values there")
    path = shop.put("months.csv", "product,kind,2024,12\nshirt,a,2,3\nhat,b,5,6\n")
    assert recognise(Source(path, path.name), None).record.message is None


def test_a_time_zone_in_a_header_is_told(shop: Shop) -> None:
    path = shop.put("levels.csv", "Zeit [MEZ];Stand\n2013-07-09 12:00;146\n2013-07-10 12:00;1\n")
    found = recognise(Source(path, path.name), None)
    assert "names the time zone MEZ, but times without an offset are read in UTC" in str(
        found.record.message
    )
    assert found.exported is not None
    declared = found.exported.model_copy(update={"timezone": "Europe/Berlin"})
    assert recognise(Source(path, path.name), declared).record.message is None


def test_lines_of_json_are_drafted_whatever_their_file_is_called(shop: Shop) -> None:
    """A list in the first record was taken for the list of all records."""
    lines = '{"user_id":"u1","devices":[{"os":"iOS"}]}\n{"user_id":"u2","devices":[]}\n'
    path = shop.put("users.json", lines)
    found = recognise(Source(path, path.name), None)
    assert found.exported is not None
    assert [c.name for c in found.exported.columns] == ["user_id", "devices"]
    assert found.record.rows_loaded == 2


def test_a_table_below_lines_that_are_padded_is_found(shop: Shop) -> None:
    """An export of WeChat: more lines above the table than rows, with as many cells each."""
    above = "".join(f"line {n}{',' * 4}\n" for n in range(7))
    rows = "time,kind,amount,way,state,number,note\n2026-01-05 10:00:00,buy,3.50,card,done,42,/\n"
    path = shop.put("bills.csv", above + rows)
    found = recognise(Source(path, path.name), None)
    assert (found.record.header_line, found.record.rows_loaded) == (8, 1)


def test_personal_data_within_nested_objects_is_tagged(shop: Shop) -> None:
    line = '{"id":"C1","contact":{"email":"a@example.com"},"plan":{"tier":"gold"}}\n'
    path = shop.put("clients.ndjson", line + line.replace("C1", "C2"))
    drafted = recognise(Source(path, path.name), None).exported
    assert drafted is not None
    assert {c.name: c.pii for c in drafted.columns} == {
        "id": None,
        "contact": "direct",
        "plan": None,
    }


def test_an_object_around_other_objects_is_told(shop: Shop) -> None:
    path = shop.put("orders.json", '{"result": {"1": {"id": 1}, "2": {"id": 2}}, "count": 2}')
    message = str(recognise(Source(path, path.name), None).record.message)
    assert message == "the file holds one object: if it wraps a list, export the list"


def test_a_parquet_file_that_was_cut_off_is_refused(shop: Shop) -> None:
    path = shop.put("orders.parquet", b"PAR1 and what follows")
    assert recognise(Source(path, path.name), None).record.status == "refused"
