"""How cells become canonical text, decided per column of a file."""

# ruff: noqa: RUF001  (how values are spelt elsewhere is what is tested)

from typing import Any

import pytest

from orchestration.lib.reading.records import FileRecord
from tests.unit.reading.conftest import Shop


def column(
    shop: Shop, kind: str, values: list[str], other: list[str] | None = None, **changes: Any
) -> tuple[FileRecord, list[str | None]]:
    """Land a column and return its cells in order, `?` where the row was set aside."""
    columns = [{"name": "order_id"}, {"name": "v", "type": kind}, {"name": "o", "type": kind}]
    rows = (
        f'{i},"{value}","{other[i % len(other)] if other else ""}"\n'
        for i, value in enumerate(values)
    )
    shop.put("orders.csv", "order_id,v,o\n" + "".join(rows))
    changes = {"columns": columns, "watermark": None, "null_values": [], **changes}
    records = shop.land(**changes)
    if records[0].status != "loaded":
        return records[0], []
    cells = dict(shop.rows(records, "order_id, v", **changes))
    return records[0], [cells.get(str(i), "?") for i in range(len(values))]


@pytest.mark.parametrize(
    ("values", "lands"),
    [
        (["1.234,56", "12,50", "1.234", "7"], ["1234.56", "12.50", "1234", "7"]),
        (["1,234.56", "1,234", "12.50"], ["1234.56", "1234", "12.50"]),
        (["1 234,5", "1\u00a0234,5", "1\u202f234"], ["1234.5", "1234.5", "1234"]),
        (["1'234.56", "1’000"], ["1234.56", "1000"]),
        (["12,34,567.50"], ["1234567.50"]),
        (["$1,234.50", "-$3", "$ 4", "5"], ["1234.50", "-3", "4", "5"]),
        (["€12,50", "12,50 €", "$4"], ["12.50", "12.50", "?"]),
        (["R$ 1.234,50", "R$ 10,00"], ["1234.50", "10.00"]),
        (["EUR 3.10", "EUR 4"], ["3.10", "4"]),
        (["(12.50)", "12.50-", "−3", "+4", "１２．５"], ["-12.50", "-12.50", "-3", "4", "12.5"]),
        (["45%", "50 %"], ["45", "50"]),
        (["45%", "0.5", "3", "4"], ["?", "0.5", "3", "4"]),
        (["1.23", "2.34", "4,56"], ["1.23", "2.34", "?"]),
        (["1,234", "5"], ["?", "5"]),
        (["1.234", "5.678"], ["1.234", "5.678"]),
        (["1.234", "50"], ["?", "50"]),
        (["1.234 €", "50 €"], ["?", "50"]),
        (["1.234", "0.125", "50"], ["1.234", "0.125", "50"]),
        (["1.234", "12.5", "50"], ["1.234", "12.5", "50"]),
        (["NaN", "N/A", "-", "None", "?", "\\N", " ", "1"], [*[None] * 7, "1"]),
        (["n.a.", "undefined", "1"], [None, None, "1"]),
        (["#DIV/0!", "inf", "1"], ["?", "?", "1"]),
        (["MUG-1", "MUG-2"], ["?", "?"]),
        (["CHF-1", "CHF 2"], ["-1", "2"]),
        (["12,-", "1.234,-", "3,50", "-4,-", "5,50-"], ["12", "1234", "3.50", "-4", "-5.50"]),
        (["12.-", "CHF 5.-", "3.50"], ["12", "5", "3.50"]),
        (["1\u2009234,5", "2,5"], ["1234.5", "2.5"]),
        (["2.98E+04", "1e+05", "2.985000E+04", "5"], ["?", "100000", "29850", "5"]),
        (["2.93E+01", "4.83E+02", "5"], ["?", "?", "5"]),
        (["8.48E10", "1e3", "5E-2", "8.48E+10"], ["84800000000", "1000", "0.05", "?"]),
    ],
)
def test_numbers(shop: Shop, values: list[str], lands: list[str | None]) -> None:
    assert column(shop, "decimal", values)[1] == lands


@pytest.mark.parametrize("rows", [0, 6000])
@pytest.mark.parametrize("sign", ["-", "/"])
def test_days_before_months_behind_the_year_are_set_aside(shop: Shop, sign: str, rows: int) -> None:
    """Incident to prevent: 2016-07-03 landed as July beside 2016-20-10, which was set aside."""
    first = [f"2016{sign}07{sign}07"] * rows
    days = [f"2016{sign}{day:02d}{sign}10" for day in (20, 3, 21, 22, 10)]
    record, cells = column(shop, "date", [*first, *days])
    assert cells[rows:] == ["?", "?", "?", "?", "2016-10-10"]
    assert "days and months are mixed up: the number behind the year" in str(record.message)
    declared = column(shop, "date", [*first, *days], date_order="ymd")[1]
    assert declared[rows:] == ["?", "2016-03-10", "?", "?", "2016-10-10"]


@pytest.mark.parametrize(
    ("values", "calendar"),
    [
        (["2561-08-09", "2560-12-24"], "Buddhist"),
        (["24/12/2561", "09/08/2560"], "Buddhist"),
        (["1402/05/17", "1401/01/20"], "Persian or Islamic"),
        (["2018-08-09", "9999-12-31"], None),
        (["45265.2525", "45266.2519"], None),
    ],
)
def test_years_of_another_calendar_are_told(
    shop: Shop, values: list[str], calendar: str | None
) -> None:
    message = column(shop, "date", values)[0].message
    assert (f"its years are those of the {calendar} calendar" in str(message)) == bool(calendar)


def test_identifiers_lose_the_fraction_that_all_of_them_have(shop: Shop) -> None:
    """pandas writes the numbers of customers so, where some are missing: no join found them."""
    record, cells = column(shop, "identifier", ["17850.0", "", "13047.0", "12583.0"])
    assert cells == ["17850", None, "13047", "12583"]
    assert record.message == "the fraction .0 behind every cell of v was removed"
    assert column(shop, "identifier", ["1.0", "1.1", "2.0", "3.0"])[1][0] == "1.0"
    # One cell says nothing by itself, but beside others that are so.
    cells = column(shop, "identifier", ["7.0", "", ""], other=["1.0", "2.0", "3.0"])[1]
    assert cells == ["7", None, None]
    assert column(shop, "identifier", ["7.0", "", ""])[1][0] == "7.0"
    assert column(shop, "text", ["1.0", "3.0", "2.0"])[1] == ["1.0", "3.0", "2.0"]


def test_a_point_that_may_group_is_seen_behind_the_first_rows(shop: Shop) -> None:
    """A column is decided from the first 5,000 rows: 1.250 landed as five quarters."""
    whole = [str(i % 50) for i in range(5000)]
    assert column(shop, "decimal", [*whole, "1.250"])[1][-1] == "?"
    assert column(shop, "decimal", [*whole, "1.250", "1.5"])[1][-2:] == ["1.250", "1.5"]


def test_a_bad_value_behind_the_first_rows_changes_no_other(shop: Shop) -> None:
    days = [f"{1 + i % 28:02d}/11/2025" for i in range(5000)]
    record, cells = column(shop, "date", [*days, "soon", "11/28/2025"])
    assert cells[-3:] == ["2025-11-16", "?", "?"]
    assert "days and months are mixed up" in str(record.message)


def test_whole_numbers(shop: Shop) -> None:
    values = ["1,234", "42.0", "1.5", "1e3", "1.2E+12", "007"]
    assert column(shop, "integer", values)[1] == ["1234", "42", "?", "?", "?", "007"]


def test_a_column_that_says_nothing_follows_the_others_of_the_file(shop: Shop) -> None:
    record, cells = column(shop, "decimal", ["1.234", "5"], other=["1,5", "2,25"])
    assert cells == ["1234", "5"]
    assert "taken from o" in str(record.message)
    assert column(shop, "decimal", ["1,234", "5"], other=["1.5"])[1] == ["1234", "5"]
    assert column(shop, "decimal", ["1,234", "5"], decimal=",")[1] == ["1.234", "5"]


ISO = [
    ("2025-10-07 09:50:26 +0200", "2025-10-07 07:50:26"),
    ("2025-10-07T09:50:26-05:30", "2025-10-07 15:20:26"),
    ("2025-10-07 09:50 +02", "2025-10-07 07:50:00"),
    ("2023-01-05T10:11:12.123Z", "2023-01-05 10:11:12.123"),
    ("2024-03-05T10:11Z", "2024-03-05 10:11:00"),
    ("2024-03-05 10:11:12 UTC", "2024-03-05 10:11:12"),
    ("2024-3-5", "2024-03-05 00:00:00"),
    ("1940-06-07Z", "1940-06-07 00:00:00"),
    ("2024/03/05 7:05", "2024-03-05 07:05:00"),
    ("2024-03-05 12:30 AM", "2024-03-05 00:30:00"),
    ("2024-03-05 2:30 p.m.", "2024-03-05 14:30:00"),
    ("2024-03-05 14:30 PM", "?"),
    ("2024-02-30 10:00:00", "?"),
    ("0000-00-00 00:00:00", None),
    ("Mar 5, 2024 2:30 PM", "2024-03-05 14:30:00"),
    ("Tue, 05 Mar 2024 10:11:12 +0000", "2024-03-05 10:11:12"),
    ("05-Mar-24", "2024-03-05 00:00:00"),
    ("05-MAR-24 02.30.15 PM", "2024-03-05 14:30:15"),
    ("Foo 5, 2024", "?"),
    ("2024年3月1日 下午2时30分", "2024-03-01 14:30:00"),
    ("20240301T101112", "2024-03-01 10:11:12"),
    ("20240301T101112+0200", "2024-03-01 08:11:12"),
    ("2024/3/1 下午 2:30", "2024-03-01 14:30:00"),
    ("Fri Mar  1 10:11:12 2024", "2024-03-01 10:11:12"),
    ("12. März 2024", "2024-03-12 00:00:00"),
    ("Montag, 4. Mär. 2024 14:30 Uhr", "2024-03-04 14:30:00"),
    ("1er août 2024", "2024-08-01 00:00:00"),
    ("3 JANV. 2024", "2024-01-03 00:00:00"),
    ("12 de octubre de 2024", "2024-10-12 00:00:00"),
    ("terça-feira, 2 de julho de 2024", "2024-07-02 00:00:00"),
    ("5 giugno 2024 8:05", "2024-06-05 08:05:00"),
    ("12-mrt-2024", "2024-03-12 00:00:00"),
    ("2024.03.05.", "2024-03-05 00:00:00"),
    ("2024. 3. 5. 10:11", "2024-03-05 10:11:00"),
    ("25.03.2024. 10:11", "2024-03-25 10:11:00"),
    ("31 juin 2024", "?"),
    ("ca 3 mars 2024", "?"),
]


def test_times_that_can_be_read_in_one_way_only_may_be_mixed(shop: Shop) -> None:
    assert column(shop, "timestamp", [v for v, _ in ISO])[1] == [lands for _, lands in ISO]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_zero_date_is_nothing_in_whatever_zone(shop: Shop, zone: str) -> None:
    """MySQL writes it. Times of UTC need no conversion, and among those it was set aside."""
    values = ["2024-03-05 10:11:12", "0000-00-00 00:00:00", "2024-02-30 10:00:00"]
    assert column(shop, "timestamp", values, timezone=zone)[1][1:] == [None, "?"]
    assert column(shop, "date", ["2024-03-05", "0000-00-00"])[1] == ["2024-03-05", None]


@pytest.mark.parametrize(
    ("values", "lands"),
    [
        (["3/15/2024 2:30 PM", "3/4/2024"], ["2024-03-15 14:30:00", "2024-03-04 00:00:00"]),
        (["15/3/2024", "3/4/2024 10:00"], ["2024-03-15 00:00:00", "2024-04-03 10:00:00"]),
        (["15.03.2024 08:05", "03.04.2024"], ["2024-03-15 08:05:00", "2024-04-03 00:00:00"]),
        (["45000", "45000.5"], ["2023-03-15 00:00:00", "2023-03-15 12:00:00"]),
        (["1709300000", "1709300001.5"], ["2024-03-01 13:33:20", "2024-03-01 13:33:21.5"]),
        (["1709300000123"], ["2024-03-01 13:33:20.123"]),
        (["1709300000123456"], ["2024-03-01 13:33:20.123456"]),
        (["45000", "15/3/2024"], ["?", "2024-03-15 00:00:00"]),
        (["3/3/2024"], ["2024-03-03 00:00:00"]),
        (["13/13/2024", "13/1/2024"], ["?", "2024-01-13 00:00:00"]),
    ],
)
def test_the_order_of_a_date_is_decided_by_its_column(
    shop: Shop, values: list[str], lands: list[str | None]
) -> None:
    assert column(shop, "timestamp", values)[1] == lands


def test_a_date_that_can_be_read_in_two_ways_refuses_the_file(shop: Shop) -> None:
    """Incident to prevent: March and April swapped in a year of orders without a word."""
    values = ["3/4/2024", "5/6/2024"]
    record, _ = column(shop, "date", values)
    assert record.status == "refused"
    assert "day and month of v cannot be told apart" in str(record.message)
    assert "declare `date_order: dmy`" in str(record.remedy)
    assert column(shop, "date", values, date_order="mdy")[1] == ["2024-03-04", "2024-05-06"]
    assert column(shop, "date", values, other=["13/1/2024"])[1] == ["2024-04-03", "2024-06-05"]


def test_days_and_months_mixed_up_leave_only_what_is_certain(shop: Shop) -> None:
    values = ["13/1/2024", "1/14/2024", "15/1/2024", "2/3/2024"]
    record, cells = column(shop, "date", values)
    assert cells == ["2024-01-13", "?", "2024-01-15", "?"]
    assert "days and months are mixed up" in str(record.message)


def test_one_slip_in_a_long_column_costs_only_its_row(shop: Shop) -> None:
    values = [f"{13 + i % 15}/{1 + i % 12}/2024" for i in range(200)] + ["1/14/2024", "2/3/2024"]
    record, cells = column(shop, "date", values)
    assert cells[-2:] == ["?", "2024-03-02"]
    assert (record.rows_quarantined, record.message is None) == (1, False)


def test_times_without_offset_are_in_the_declared_time_zone(shop: Shop) -> None:
    values = ["2024-07-01 10:00:00", "2024-01-01T10:00", "2024-07-01", "2024-07-01T10:00:00Z"]
    assert column(shop, "timestamp", values, timezone="America/New_York")[1] == [
        "2024-07-01 14:00:00",
        "2024-01-01 15:00:00",
        "2024-07-01 00:00:00",
        "2024-07-01 10:00:00",
    ]


def test_a_date_is_the_day_that_is_written(shop: Shop) -> None:
    values = ["2024-05-01T23:00:00-08:00", "2024-05-02 13:00", "20240503"]
    assert column(shop, "date", values)[1] == ["2024-05-01", "2024-05-02", "2024-05-03"]


def test_identifiers_keep_their_digits_or_are_set_aside(shop: Shop) -> None:
    values = ["'0175", "0123", "1.23E+12", "12E5", "+49 30 1234"]
    assert column(shop, "identifier", values)[1] == ["0175", "0123", "?", "12E5", "+49 30 1234"]


def test_a_value_behind_the_sample_changes_the_decision(shop: Shop) -> None:
    """The first 5,000 rows are decimals with a point, or say nothing; then comes a comma."""
    values = ["1.234"] * 6000 + ["12,5"]
    assert set(column(shop, "decimal", values)[1]) == {"1234", "12.5"}


def test_texts_are_left_alone(shop: Shop) -> None:
    values = [" padded ", "1,5", "03/04/2024", "nan", "N/A", "#N/A", "NULL", "\\N"]
    assert column(shop, "text", values)[1] == values
    shop.put("orders.csv", "order_id,v,o\n0,NULL,\n1,\\N,\n2,#N/A,\n3,Null,\n")
    columns = [{"name": "order_id"}, {"name": "v"}, {"name": "o"}]
    changes: dict[str, Any] = {"columns": columns, "watermark": None, "null_values": []}
    assert shop.rows(shop.land(**changes), "v", **changes) == [(None,), (None,), (None,), ("Null",)]


def test_serials_of_a_spreadsheet_may_have_a_decimal_comma(shop: Shop) -> None:
    record, landed = column(shop, "timestamp", ["45356,5", "45357,25"])
    assert landed == ["2024-03-05 12:00:00", "2024-03-06 06:00:00"]
    assert "numbers were read as Excel serial" in str(record.message)


def test_weeks_of_iso_8601(shop: Shop) -> None:
    values = ["2024-W05-3", "2020-W53-7", "2024W053", "2023-W53-1", "2024-W05"]
    days = ["2024-01-31", "2021-01-03", "2024-01-31", "?", "?"]
    assert column(shop, "date", values)[1] == days


def test_abbreviated_zones_that_mean_one_thing_are_read(shop: Shop) -> None:
    values = [
        "Jan 1, 2024 1:05:33 AM PST",
        "2024-07-01 13:05 PDT",
        "25.07.2024 10:00 MESZ",
        "Wed Oct 10 20:19:24 +0130 2018",
        "Tue Mar 05 10:00:00 EST 2024",
        "2024-07-01 13:05 CST",
    ]
    record, cells = column(shop, "timestamp", values)
    assert cells == [
        "2024-01-01 09:05:33",
        "2024-07-01 20:05:00",
        "2024-07-25 08:00:00",
        "2018-10-10 18:49:24",
        "2024-03-05 15:00:00",
        "?",
    ]
    assert "v: time zones are abbreviated: EST is UTC-5, PST is UTC-8" in str(record.message)


@pytest.mark.parametrize("blank", ["\u00a0", " ", "\u200b"])
def test_a_blank_before_a_date_hides_no_number(shop: Shop, blank: str) -> None:
    """The order was once decided without these values: 11/1 became the 11th of January."""
    values = [f"{blank}10/20/2016", f"{blank}11/1/2016", "", "12/2/2016"]
    _, cells = column(shop, "date", values)
    assert cells == ["2016-10-20", "2016-11-01", None, "2016-12-02"]


def test_dates_with_points_among_others_are_set_aside_where_they_may_be_swapped(
    shop: Shop,
) -> None:
    """So a German spreadsheet saves American dates: what it took for days and months has points."""
    record, cells = column(shop, "date", ["10/20/2016", "04.11.2016", "10/25/2016", "25.10.2016"])
    assert cells[:3] == ["2016-10-20", "?", "2016-10-25"]
    assert "dates with points, which are day.month.year, stand among others" in str(record.message)


def test_twenty_four_o_clock_is_no_canonical_time(shop: Shop) -> None:
    values = ["2026-11-01 24:00:00", "2026-11-01 13:30:00"]
    assert column(shop, "timestamp", values)[1] == ["?", "2026-11-01 13:30:00"]


def test_blanks_around_identifiers_tell_nothing_apart(shop: Shop) -> None:
    values = ["0012", "0012 ", " 0012", "0012\u00a0", "\u30000012", "\u00a0", "ñ-1", "x y"]
    _, cells = column(shop, "identifier", values)
    assert cells == ["0012"] * 5 + [None, "ñ-1", "x y"]


def test_days_and_months_that_a_spreadsheet_swapped_are_told(shop: Shop) -> None:
    """It took 4/11/2026 for the 4th of November, made a date of it, and left 4/13/2026 a text."""
    values = [f"2026-{day:02}-04" for day in range(1, 8)] + [
        f"4/{day}/2026" for day in range(13, 20)
    ]
    record, _ = column(shop, "date", values)
    assert "all are elsewhere: swapped?" in str(record.message)
    record, _ = column(shop, "date", [*values, "2026-04-13"])
    assert record.message is None


@pytest.mark.parametrize(
    ("text", "lands"),
    [
        ("11/19/2023, 8:10:00\u202fPM", "2023-11-19 20:10:00"),
        ("Sun Nov 19 2023 20:10:00 GMT+0100 (Central European Time)", "2023-11-19 19:10:00"),
        ("Sun, 19 Nov 2023 20:10:00 +0000 (UTC)", "2023-11-19 20:10:00"),
        ("Nov 19, 2023 at 8:10 PM", "2023-11-19 20:10:00"),
        ("19 novembre 2023 à 20:10", "2023-11-19 20:10:00"),
        ("19. November 2023 um 20:10 Uhr", "2023-11-19 20:10:00"),
        ("20231119 20:10", "2023-11-19 20:10:00"),
        ("202311192010", "2023-11-19 20:10:00"),
    ],
)
def test_times_as_programs_show_them(shop: Shop, text: str, lands: str) -> None:
    assert column(shop, "timestamp", [text])[1] == [lands]


@pytest.mark.parametrize("text", ["{:02d}-Nov-{}", "{:02d}.11.{}"])
def test_years_of_two_digits_are_told(shop: Shop, text: str) -> None:
    """Incident to prevent: 28-Oct-66, a date of birth, landed as 2066 without a word."""
    values = [text.format(day, year) for day, year in ((28, 66), (3, 50), (4, 49))]
    record, cells = column(shop, "date", values)
    assert cells == ["1966-11-28", "1950-11-03", "2049-11-04"]
    assert "years of two digits were read as 1950 to 2049" in str(record.message)


def test_dates_of_birth_may_be_counted_in_seconds(shop: Shop) -> None:
    """Positive and negative, as CRMs write them; what may be anything else is set aside."""
    birthdays = ["-638064000", "119923200", "946684800"]
    assert column(shop, "date", birthdays)[1] == ["1949-10-13", "1973-10-20", "2000-01-01"]
    milliseconds = [value + "000" for value in birthdays]
    assert column(shop, "date", milliseconds)[1] == ["1949-10-13", "1973-10-20", "2000-01-01"]
    for others in (["119923200", "119923201"], ["946684800", "0"], ["946684800", "-1"]):
        assert set(column(shop, "date", others)[1]) == {"?"}
    assert column(shop, "date", ["20260131", "-1"])[1] == ["2026-01-31", "?"]


@pytest.mark.parametrize("text", ["null", "None", "N/A", "(No value)", "--"])
def test_what_is_nothing_in_dates_is_nothing_in_texts(shop: Shop, text: str) -> None:
    """Incident to prevent: `null` landed as a phone number, a first name and an owner."""
    columns = [{"name": "order_id"}, {"name": "n"}, {"name": "day", "type": "date"}]
    changes: dict[str, Any] = {"columns": columns, "watermark": None}
    rows = f"1,{text},2026-01-31\n2,Null,{text}\n3,{text},{text}\n4,Anna,{text}\n"
    shop.put("orders.csv", "order_id,n,day\n" + rows)
    records = shop.land(**changes)
    names = shop.rows(records, "n", **changes)
    assert names == [(None,), ("Null",), (None,), ("Anna",)]
    assert f"{text} in n was read as nothing, as in other" in str(records[0].message)
    shop.put("orders.csv", f"order_id,n,day\n1,{text},2026-01-31\n2,Null,{text}\n")
    assert shop.rows(shop.land(**changes), "n", **changes) == [(text,), ("Null",)]


@pytest.mark.parametrize("text", ["null", "NaN", "None", "-"])
def test_what_is_nothing_in_several_texts_is_so_in_all(shop: Shop, text: str) -> None:
    columns = [{"name": name} for name in ("order_id", "a", "b", "c", "d")]
    changes: dict[str, Any] = {"columns": columns, "watermark": None}
    rows = "".join(f"{i},{text},{text},{text},x\n" for i in range(3)) + f"3,1,2,3,{text}\n"
    shop.put("orders.csv", "order_id,a,b,c,d\n" + rows)
    records = shop.land(**changes)
    expected = [(None, None, None, "x")] * 3 + [("1", "2", "3", None)]
    assert shop.rows(records, "a, b, c, d", **changes) == expected
    shop.put(
        "orders.csv", "order_id,a,b,c,d\n" + rows.replace(f",{text},{text},{text}", f",{text},y,y")
    )
    records = shop.land(**changes)
    expected = [(text, "y", "y", "x")] * 3 + [("1", "2", "3", text)]
    assert shop.rows(records, "a, b, c, d", **changes) == expected
    assert f"cells of a hold {text}, which may stand for nothing" in str(records[0].message)


@pytest.mark.parametrize("name", ["Na", "Nan", "Nat", "Nil"])
def test_short_names_of_people_are_no_way_to_say_nothing(shop: Shop, name: str) -> None:
    columns = [{"name": "order_id"}, {"name": "first_name"}]
    changes: dict[str, Any] = {"columns": columns, "watermark": None}
    shop.put("orders.csv", "order_id,first_name\n" + "".join(f"{i},{name}\n" for i in range(4)))
    records = shop.land(**changes)
    assert shop.rows(records, "first_name", **changes) == [(name,)] * 4
    assert records[0].message is None


@pytest.mark.parametrize("letters", ["J N", "O N", "S N", "V F", "j n"])
def test_yes_and_no_in_one_letter_of_other_languages(shop: Shop, letters: str) -> None:
    """A file of nothing but `J` was quarantined whole, and no contract could say what it means."""
    assert column(shop, "boolean", letters.split())[1] == ["true", "false"]


@pytest.mark.parametrize("text", ["None", "N/A", "NaN", " null "])
def test_nothing_among_booleans(shop: Shop, text: str) -> None:
    assert column(shop, "boolean", ["True", text, "False"])[1] == ["true", None, "false"]


@pytest.mark.parametrize(
    ("yes", "no"), [("on", "off"), ("Checked", "Unchecked"), ("☑", "☐"), ("-1", "0")]
)
def test_flags_as_forms_and_settings_write_them(shop: Shop, yes: str, no: str) -> None:
    assert column(shop, "boolean", [yes, no, ""])[1] == ["true", "false", None]


def test_a_column_of_crosses_is_yes_and_says_that_it_never_says_no(shop: Shop) -> None:
    record, cells = column(shop, "boolean", ["x", "", "X", "", "x"])
    assert cells == ["true", None, "true", None, "true"]
    assert "values of v are yes or empty, never no" in str(record.message)
    assert "a cross was read as yes" in str(record.message)
    assert column(shop, "boolean", ["x", "no"])[1] == ["?", "false"]


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("integer", ["1", "20", *["-999"] * 3], "hold -999 or the like"),
        ("decimal", ["1.5", "20", *["9999.99"] * 3], "hold 9999 or the like"),
        ("decimal", [*["12.50", "7.95"] * 10, "1250", "795", "3000"], "a point lost?"),
        ("decimal", ["27.899999618530273", "7.460000038146973", "3.0999999046325684"] * 4,
         "noise of floating point numbers"),
        ("timestamp", [f"2026-01-{1 + i // 12:02d} {1 + i % 12:02d}:30:00" for i in range(60)],
         "were AM and PM lost?"),
    ],
)  # fmt: skip
def test_values_that_are_of_their_type_and_may_be_wrong_are_told(
    shop: Shop, kind: str, values: list[str], said: str
) -> None:
    record, cells = column(shop, kind, values)
    assert cells == values
    assert said in str(record.message)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("integer", ["-3", "20", *["-999"] * 3]),
        ("decimal", ["9500.00", "12000", *["9999"] * 3]),
        ("decimal", [*["12.50", "7.95"] * 10, "12", "8", "3"]),
        ("decimal", ["-23.545621281152688", "-46.639292048575846", "-22.95183441632087"]),
        ("timestamp", [f"2026-01-{1 + i // 12:02d} {7 + i % 12:02d}:30:00" for i in range(60)]),
        ("boolean", ["true", "", "true"] * 2),
    ],
)
def test_values_as_they_should_be_are_not_told(shop: Shop, kind: str, values: list[str]) -> None:
    assert column(shop, kind, values)[0].message is None


@pytest.mark.parametrize(("gaps", "lands"), [(0, None), (1, "None")])
def test_none_is_an_answer_where_other_cells_are_empty(
    shop: Shop, gaps: int, lands: str | None
) -> None:
    """Incident to prevent: `None`, answered in three columns of a survey, landed as no answer."""
    columns = [{"name": name} for name in ("order_id", "a", "b", "c")]
    changes: dict[str, Any] = {"columns": columns, "watermark": None}
    rows = ["None,None,None"] * 3 + [",,"] * gaps + ["1,2,3"]
    rows = [f"{i},{row}\n" for i, row in enumerate(rows)]
    shop.put("orders.csv", "order_id,a,b,c\n" + "".join(rows))
    records = shop.land(**changes)
    assert shop.rows(records, "a", **changes)[0] == (lands,)
    assert "None" in str(records[0].message)


@pytest.mark.parametrize(("time", "is_told"), [("22:00:00", True), ("00:00:00", False)])
def test_days_that_began_in_another_time_zone_are_told(
    shop: Shop, time: str, is_told: bool
) -> None:
    """Midnight in Berlin is 22:00 of the day before in UTC."""
    columns = [{"name": "order_id"}, {"name": "due", "type": "date"}]
    lines = [f"{n},2026-07-0{n}T{time}Z" if n < 5 else f"{n}," for n in range(1, 9)]
    shop.put("orders.csv", "\n".join(["order_id,due", *lines, ""]))
    (record,) = shop.land(columns=columns, watermark=None)
    assert ("times on the hour that are not midnight" in str(record.message)) is is_told
