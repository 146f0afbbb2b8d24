"""Spreadsheets: the sheet, the header, and cells as text exactly."""

import datetime as dt
import io
import json
from typing import Any

from openpyxl import Workbook

from tests.unit.reading.conftest import Shop


def workbook(*sheets: tuple[str, list[list[Any]]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


HEADER = ["Order ID", "amount", "remark", "quantity", "is_paid", "updated_at", "colour"]
COLUMNS: list[dict[str, Any]] = [
    {"name": "order_id", "type": "identifier"},
    {"name": "amount", "type": "decimal", "required": True},
    {"name": "note", "aliases": ["remark"]},
    {"name": "quantity", "type": "integer"},
    {"name": "is_paid", "type": "boolean"},
    {"name": "updated_at", "type": "timestamp"},
]


def test_the_sheet_with_the_columns_is_read_behind_its_preamble(shop: Shop) -> None:
    content = workbook(
        ("Cover", [["Orders of our shop"], ["amount", "see next sheet"]]),
        (
            "Data",
            [
                ["Report"],
                [],
                HEADER,
                ["0017", 12.5, 'a,\n"b"', 3, True, dt.datetime(2026, 1, 5, 10, 30), "red"],
                [42, 1234567, None, 4.0, False, dt.date(2026, 1, 6), None],
                [],
                [7, "1.234,50", "x", None, None, None, "#N/A"],
                ["Total", None, None, None, None, None, None],
            ],
        ),
    )
    shop.put("orders_2026-02-01.xlsx", content)
    (record,) = records = shop.land(columns=COLUMNS)
    names = "order_id, amount, note, quantity, is_paid, updated_at, source_metadata"
    assert shop.rows(records, names, columns=COLUMNS) == [
        ("0017", "12.5", 'a,\n"b"', "3", "true", "2026-01-05 10:30:00", '{"colour":"red"}'),
        ("42", "1234567", None, "4", "false", "2026-01-06 00:00:00", '{"colour":null}'),
    ]
    assert (record.header_line, record.preamble_lines, record.footer_lines) == (3, 2, 1)
    assert json.loads(record.decisions)["sheet"] == "Data"
    # 12.5 has a point, 1.234,50 a comma: one of the two is not a number of this column
    (found,) = shop.quarantine(records)
    assert (found["row_number"], found["line_number"], found["column_name"]) == (3, 7, "amount")


def test_long_numbers_that_lost_digits_are_set_aside(shop: Shop) -> None:
    rows = [HEADER, [12345678901234567890, 1], [123456789012345, 2]]
    shop.put("orders.xlsx", workbook(("Data", rows)))
    records = shop.land(columns=COLUMNS)
    assert shop.rows(records, "order_id", columns=COLUMNS) == [("123456789012345",)]
    assert [r["reason"] for r in shop.quarantine(records)] == ["digits_lost"]


def test_a_workbook_without_the_columns_is_refused(shop: Shop) -> None:
    shop.put("orders.xlsx", workbook(("A", [["x", "y"]]), ("B", [[1, 2]])))
    (record,) = shop.land(columns=COLUMNS)
    assert record.status == "refused"
    assert "no row of any sheet (A, B) is a header of orders" in str(record.message)


def test_answers_are_not_taken_for_header_rows_that_somebody_removed(shop: Shop) -> None:
    """The numbers of a scale beneath the names are labels, a date is none."""
    answer = ["0017", 12.5, "a", 3, True, dt.datetime(2026, 1, 5, 10, 30), "red"]
    scale = [None, None, None, 5, None, None, "Which?"]
    shop.put("orders_2026-02-01.xlsx", workbook(("Data", [HEADER, scale, answer])))
    (record,) = records = shop.land(columns=COLUMNS, header_rows=3)
    assert [row[0] for row in shop.rows(records, "order_id", columns=COLUMNS)] == ["0017"]
    assert (record.header_line, record.rows_in_file) == (1, 1)
    assert record.message == (
        "2 of 3 header rows: line 3 holds dates or numbers and was read as a row"
    )
