"""Files whose transfer ended early: what arrived whole lands, the rest is told."""

import gzip
import json
from collections.abc import Callable

import pytest

from orchestration.lib.reading.records import FileRecord
from tests.unit.reading.conftest import Shop, only

ROWS = [(f"A-{n}", f"{n}.50", note, f"2026-01-0{n}")
        for n, note in enumerate(["Zoë", "two\nlines", "张伟, \"x\""], 1)]  # fmt: skip
NAMES = ("order_id", "amount", "note", "updated_at")


def csv(encoding: str, quote: bool = True) -> list[bytes]:
    """The header and the rows, each with its line end."""
    lines = [",".join(NAMES)]
    for row in ROWS:
        cells = [cell.replace("\n", " ").replace(",", "") for cell in row]
        if quote:
            cells = ['"' + cell.replace('"', '""') + '"' for cell in row]
        lines.append(",".join(cells))
    encoded = [f"{line}\n".encode(encoding) for line in lines]
    return [b"\xff\xfe" * encoding.startswith("utf-16") + encoded[0], *encoded[1:]]


def jsons(head: str = "", between: str = "\n", tail: str = "") -> list[bytes]:
    records = [json.dumps(dict(zip(NAMES, row, strict=True)), ensure_ascii=False) for row in ROWS]
    ends = [between] * (len(records) - 1) + [tail or between]
    return [head.encode(), *(f"{r}{e}".encode() for r, e in zip(records, ends, strict=True))]


FORMATS: dict[str, tuple[str, list[bytes]]] = {
    "quoted": ("orders.csv", csv("utf-8")),
    "plain": ("orders.csv", csv("utf-8", quote=False)),
    "UTF-16": ("orders.csv", csv("utf-16-le")),
    "GB18030": ("orders.csv", csv("gb18030")),
    "lines of JSON": ("orders.ndjson", jsons()),
    "a list": ("orders.json", jsons("[", ",\n", "]")),
    "a page": ("orders.json", jsons('{"count": 3, "orders": [', ", ", "]}")),
}


def rows_of(shop: Shop, records: list[FileRecord]) -> list[tuple[str, ...]]:
    found = shop.rows(records, ", ".join(NAMES))
    return [(*row[:3], str(row[3])[:10]) for row in found]


@pytest.mark.parametrize("layout", FORMATS)
def test_wherever_it_is_cut_rows_land_whole_or_are_set_aside(
    new_shop: Callable[[], Shop], layout: str
) -> None:
    (name, parts), encoding = FORMATS[layout], "gb18030" if layout == "GB18030" else None
    whole = b"".join(parts)
    shop = new_shop()
    shop.put(name, whole)
    right = rows_of(shop, shop.land(encoding=encoding))
    assert [row[0] for row in right] == ["A-1", "A-2", "A-3"]
    cuts = range(len(whole) - len(parts[-1]) + 1, len(whole), 3)
    told = 0
    for end in cuts:
        shop = new_shop()
        shop.put(name, whole[:end])
        records = shop.land(encoding=encoding)
        assert only(records).status == "loaded", (whole[:end], only(records).message)
        landed, aside = rows_of(shop, records), shop.quarantine(records)
        # nothing tells an empty last cell from one that is cut off
        for row, of_whole in zip(landed, right, strict=False):
            assert row in (of_whole, (*of_whole[:3], "None")), whole[:end]
        assert len(landed) + len(aside) >= len(right), whole[:end]
        # a line of one cell may as well be the end of the row above
        assert len(landed) >= (1 if "torn_row" in {row["reason"] for row in aside} else 2)
        told += "the file was cut off" in str(only(records).message)
    assert told > len(cuts) / 2  # within the last cell nothing but its type tells


def test_a_quote_alone_at_the_end_may_be_the_beginning_of_a_row(shop: Shop) -> None:
    shop.put("orders.csv", 'order_id,amount\n"1",2\n"3",4\n"')
    records = shop.land()
    assert only(records).rows_loaded == 2
    assert [row["reason"] for row in shop.quarantine(records)] == ["cut_off"]


def test_a_row_that_is_cut_off_says_where_and_why(shop: Shop) -> None:
    shop.put("orders.csv", 'order_id,amount,note\n1,2,x\n3,4,"a\nb c')
    records = shop.land()
    assert shop.rows(records) == [("1", "2", "x")]
    (row,) = shop.quarantine(records)
    assert (row["row_number"], row["line_number"], row["reason"]) == (2, 3, "cut_off")
    assert row["raw_row"] == '3,4,"a\nb c'
    assert only(records).message == (
        "line 3: the last record ends inside a quoted cell: the file was cut off, what stood "
        "behind is missing: export it again"
    )


@pytest.mark.parametrize(("name", "parts"), FORMATS.values(), ids=FORMATS)
def test_a_full_export_that_is_cut_off_is_refused(
    shop: Shop, name: str, parts: list[bytes]
) -> None:
    shop.put(name, b"".join(parts)[: -len(parts[-1]) // 2])
    record = only(shop.land(mode="full"))
    assert record.status == "refused"
    assert "the records that it lacks would count as deleted" in str(record.message)


def test_a_quote_that_swallows_rows_is_not_the_end_of_the_file(shop: Shop) -> None:
    more = "".join(f"B-{n},1,one line and\n" for n in range(3))
    shop.put("orders.csv", f'order_id,amount,note\n1,2,x\n3,4,"a\nb\nc\nd\ne\nf\ng\n{more}')
    record = only(shop.land())
    assert record.status == "refused"
    assert "line 3: the quote opened on this line is not closed" in str(record.message)


def test_what_cannot_be_checked_is_refused(shop: Shop) -> None:
    """The sum behind packed content tells whether it is what was packed."""
    shop.put("orders.csv.gz", gzip.compress(b"".join(csv("utf-8")) * 50, mtime=0)[:-6])
    assert only(shop.land()).status == "refused"


@pytest.mark.parametrize("key", [["order_id"], []])
def test_the_whole_file_stands_for_the_one_that_was_cut_off(shop: Shop, key: list[str]) -> None:
    whole = "order_id,amount,note\n1,2,x\n3,4,y\n5,6,z\n"
    shop.put("orders.csv", whole[:-9])
    published = shop.land(key=key, watermark=None)
    assert only(published).rows_loaded == 1
    shop.put("orders.csv", whole)
    records = shop.land(published=published, key=key, watermark=None)
    assert shop.rows(records, key=key) == [("1", "2", "x"), ("3", "4", "y"), ("5", "6", "z")]
    assert "it was cut off, so they count no more" in str(only(records).message)


def test_bytes_that_are_no_text_set_the_record_aside_in_json_too(shop: Shop) -> None:
    lines = [f'{{"order_id": "é{n}", "amount": 1}}\n'.encode() for n in range(9)]
    shop.put("orders.ndjson", b"".join(lines).replace("é4".encode(), b"\xff4"))
    records = shop.land()
    assert only(records).rows_loaded == 8
    (row,) = shop.quarantine(records)
    assert (row["line_number"], row["reason"]) == (5, "undecodable")
    assert row["raw_row"] == '{"order_id": "<FF>4", "amount": 1}'
