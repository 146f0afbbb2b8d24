"""Spreadsheets: the sheet, the header, and cells as text exactly."""

import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from orchestration.lib.reading import sheet_pieces, sheets
from tests.unit.reading.conftest import Shop, only


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


@pytest.fixture(autouse=True, params=["whole", "in pieces of one row"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every sheet as a small one, and as a large one."""
    if request.param != "whole":
        in_pieces(monkeypatch)


def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sheet_pieces.LargeSheet._rows
    monkeypatch.setattr(sheet_pieces, "LARGE", 0)
    monkeypatch.setattr(sheet_pieces.LargeSheet, "_rows", lambda self, _: rows(self, 1))


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


def changed(change: Callable[[Workbook], None]) -> bytes:
    """A workbook of orders with one more thing done to it."""
    book = Workbook()
    sheet = book.worksheets[0]
    for row in (["order_id", "amount", "note"], ["A-1", 5, "x"], ["A-2", 6, "x"], ["A-3", 7, "x"]):
        sheet.append(row)
    change(book)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_hidden_sheet_is_read_if_no_other_will_do(shop: Shop) -> None:
    def hide(book: Workbook) -> None:
        old = book.create_sheet("old", 0)
        old.append(["order_id", "amount", "note"])
        old.append(["A-0", 1, "old"])
        old.sheet_state = "hidden"

    shop.put("orders.xlsx", changed(hide))
    records = shop.land()
    assert shop.rows(records, "order_id") == [("A-1",), ("A-2",), ("A-3",)]
    assert only(records).message == "old with the same columns as Sheet were not read"


def test_merged_cells_hold_what_the_first_of_them_holds(shop: Shop) -> None:
    shop.put("orders.xlsx", changed(lambda book: book.worksheets[0].merge_cells("C3:C4")))
    assert shop.rows(shop.land(), "note") == [("x",)] * 3


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("=1+1", "1 cells hold formulas whose results no spreadsheet has stored"),
        ("#REF!", "1 cells hold errors of formulas (#REF!)"),
        ("#N/A", None),
    ],
)
def test_cells_whose_values_a_workbook_lacks_are_told(
    shop: Shop, value: str, said: str | None
) -> None:
    def write(book: Workbook) -> None:
        book.worksheets[0]["C3"] = value

    shop.put("orders.xlsx", changed(write))
    records = shop.land()
    assert shop.rows(records, "note") == [("x",), (None,), ("x",)]
    assert only(records).message == (said and f"{said}, and were read as empty")


def test_a_sheet_in_pieces_has_the_cells_of_the_whole_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dates, durations, shares, errors, merged cells, gaps, columns before the first cell."""
    book = Workbook()
    book.epoch = CALENDAR_MAC_1904
    sheet = book.worksheets[0]
    day = dt.datetime(2026, 1, 5, 10, 30)
    values = [day, day.date(), day.time(), dt.timedelta(hours=30), 0.125, 12345.678, 1e15, True]
    values += ["#REF!", "#N/A", "a <row r='7'> & b", "two\nlines", "  ", "张伟", "'007", "=1+1", -1]
    for number in range(4, 40):
        for column, value in enumerate(values, 3):
            if (number + column) % 5 and number not in (9, 10, 11):
                sheet.cell(number, column, value)
        sheet.cell(number, 7).number_format = ["0.00%", "0.00E+00", "[h]:mm", "General"][number % 4]
    sheet.merge_cells("C20:C25")
    sheet.merge_cells("D30:E33")
    path = tmp_path / "orders.xlsx"
    book.save(path)
    whole = sheets._WholeSheet(sheets._workbook(path).get_sheet_by_index(0))
    expected = [cells for _, cells in sheets._numbered(whole, 0)]
    in_pieces(monkeypatch)
    ((_, pieces),) = sheet_pieces.large_sheets(path).items()
    assert len(list(pieces._pieces())) > 30
    found = [cells for _, cells in sheets._numbered(pieces, 0)]
    width = max(map(len, expected))
    assert [[*cells, *[""] * (width - len(cells))] for cells in found] == expected
    assert len(expected) == 39


def test_a_sheet_whose_rows_may_not_be_rows_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    path.write_bytes(workbook(("Data", [HEADER, ["1", 2]])))
    commented = tmp_path / "commented.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(commented, "w") as target:
        for name in source.namelist():
            text = source.read(name).replace(b"</sheetData>", b"<!-- <row r='9'> --></sheetData>")
            target.writestr(name, text)
    assert sheet_pieces.large_sheets(commented) == {}


def test_a_cell_behind_all_others_far_below_is_not_lost(shop: Shop) -> None:
    rows = [["order_id", "amount"], ["A-1", 1], ["A-2", 2], ["A-3", 3, None, "seen late"]]
    shop.put("orders.xlsx", workbook(("Data", rows)))
    records = shop.land()
    found = shop.rows(records, "order_id, source_metadata")
    assert [row[0] for row in found] == ["A-1", "A-2", "A-3"]
    assert "seen late" in found[2][1]


@pytest.mark.parametrize(
    ("member", "status"), [("xl/styles.xml", "refused"), ("xl/theme/theme1.xml", "loaded")]
)
def test_a_damaged_large_workbook_is_refused_if_cells_need_what_is_damaged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, member: str, status: str
) -> None:
    in_pieces(monkeypatch)
    content = workbook(("Data", [HEADER, ["A-1", 1]]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        checksum = archive.getinfo(member).CRC.to_bytes(4, "little")
    shop.put("orders.xlsx", content.replace(checksum, bytes(4)))
    assert only(shop.land(columns=COLUMNS)).status == status
