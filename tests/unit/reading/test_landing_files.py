"""Files as they come: formats, packing, dates, refusals, what counts as new."""

import gzip
import hashlib
import json
import os
import shutil
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lib.contracts import ContractError
from orchestration.lib.reading.landing import locate_line
from orchestration.lib.reading.records import FileRecord, read_sidecar
from orchestration.lib.reading.sources import Digests, contents, export_time
from orchestration.lib.reading.views import create_raw_views, write_input_files
from tests.unit.reading.conftest import ORDERS, Shop, only

CSV = "order_id,amount,note\n1,2.50,x\n2,3,NULL\n"
ROWS = [("1", "2.50", "x"), ("2", "3", None)]


def refused(shop: Shop, name: str, content: bytes | str, **changes: Any) -> FileRecord:
    shop.put(name, content)
    record = only(shop.land(**changes))
    assert (record.status, record.rows_loaded, record.parquet_path) == ("refused", 0, None)
    assert record.message and record.remedy
    assert not list(shop.raw.rglob("*.parquet"))
    assert shop.rows([record]) == []
    return record


def packed(name: str, content: bytes) -> bytes:
    path = Path(name)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("orders.csv", content)
    data = path.read_bytes()
    path.unlink()
    return data


def test_a_plain_file_lands_with_its_provenance(shop: Shop) -> None:
    shop.put("2026/orders_2026-11-01.csv", "Note ,ORDER_ID,amount,colour\nx,1,2.50,red\n")
    record = only(shop.land())
    assert record.status == "loaded"
    assert (record.encoding, record.delimiter, record.quote, record.format) == (
        "utf-8",
        ",",
        '"',
        "csv",
    )
    assert (record.exported_at, record.exported_at_source) == (datetime(2026, 11, 1), "file_name")
    assert record.columns_added == ("colour",)
    assert record.columns_missing == ("quantity", "is_paid", "due_date", "updated_at")
    assert record.parquet_path == f"shop/orders/2026-11-01/{record.sha256[:16]}.parquet"
    assert read_sidecar((shop.raw / record.parquet_path).with_suffix(".json")) == record
    assert shop.rows([record], "* exclude (_content_hash)") == [
        (
            *("1", "2.50", "x", *[None] * 4, '{"colour":"red"}'),
            *(record.file_name, record.exported_at, 1, False),
        )
    ]


def test_a_large_file_lands_in_its_order(shop: Shop) -> None:
    """Rows are numbered by where they land; several row groups are written at the same time."""
    lines = (f"{n},{n}.50,note {n},1,true,01.11.2026,2026-11-01 10:00:00" for n in range(400_000))
    header = "order_id,amount,note,quantity,is_paid,due_date,updated_at"
    shop.put("orders_2026-11-01.csv", "\n".join([header, *lines]))
    record = only(shop.land())
    rows = shop.rows([record], "order_id::bigint + 1 = _row_number")
    assert rows == [(True,)] * 400_000


def test_a_large_parquet_file_lands_in_its_order(shop: Shop) -> None:
    path = shop.put("orders_2026-11-01.parquet", b"")
    with duckdb.connect() as con:
        con.execute(
            "copy (select i as order_id, 'x' as amount, 'note' as note from range(400000) as t(i)) "
            f"to '{path}' (format parquet)"
        )
    changes: dict[str, Any] = {
        "null_values": ["NULL", "#N/A", "none", "nil", "-", "n/a"],
        "columns": [{"name": name} for name in ("order_id", "amount", "note")],
        "watermark": None,
    }
    record = only(shop.land(**changes))
    rows = shop.rows([record], "order_id::bigint + 1 = _row_number", **changes)
    assert rows == [(True,)] * 400_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders.csv", CSV.encode()),
        ("orders.txt", CSV.replace(",", ";").encode()),
        ("orders.csv", CSV.replace(",", "|").replace("\n", "\r\n").encode()),
        ("orders.tsv", CSV.replace(",", "\t").encode()),
        ("ORDERS [final].csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("orders.csv", CSV.encode("utf-16")),
        ("orders.csv", CSV.encode("utf-16-le")),
        ("orders.csv", CSV.rstrip("\n").encode()),
        ("orders.csv", ("\n\n" + CSV.replace("\n", "\n\n")).encode()),
        ("orders.csv", CSV.replace("2,3", "2,3\r").encode().replace(b"3\r,NULL", b"3,NULL\r")),
        ("orders.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("orders.json", b'[{"order_id": 1, "amount": 2.50, "note": "x"},\n {"id":0,'
         b'"order_id": "2", "amount": 3, "note": "NULL"}]'),
        ("orders.json", b'{"count": 2, "orders": [{"ORDER_ID": 1, "amount": 2.50, "note": "x"},'
         b'{"order_id": 2, "amount": 3, "note": null}], "next": null}'),
        ("orders.json", b'{"url": "u", "order_id": 1, "amount": 2.50, "remark": "x"}\n'
         b'{"url": "v", "order_id": 2, "amount": 3}\n'),
        ("orders.jsonl", b'{"order_id": 1, "amount": 2.50, "note": "x"}\n\n'
         b'{"order_id": 2, "amount": 3, "note": ""}'),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_rows(shop: Shop, name: str, content: bytes) -> None:
    shop.put(name, content)
    records = shop.land()
    assert shop.rows(records) == ROWS
    record = only(records)
    assert (record.rows_in_file, record.rows_loaded, record.rows_quarantined) == (2, 2, 0)


def test_parquet_lands_as_text(shop: Shop) -> None:
    path = shop.put("orders.parquet", b"")
    with duckdb.connect() as con:
        con.execute(
            "copy (select 1 as order_id, 2.50::decimal(9,2) as amount, 'x' as \"Order Note\", "
            f"[1, 2] as tags union all select 2, 3.00, 'NULL', null) to '{path}' (format parquet)"
        )
    records = shop.land()
    assert shop.rows(records, "order_id, amount, note, source_metadata") == [
        ("1", "2.50", "x", '{"tags":"[1,2]"}'),
        ("2", "3.00", None, '{"tags":null}'),
    ]


def test_nested_json_becomes_text_and_numbers_keep_theirs(shop: Shop) -> None:
    shop.put(
        "orders.ndjson",
        '{"order_id": 12345678901234567890123, "amount": 1.10, "note": {"a": [1, 2.0, true]},'
        ' "is_paid": true, "via": {"channel": "中"}, "ok": 1.50}\n',
    )
    records = shop.land()
    assert shop.rows(records, "order_id, amount, note, is_paid, source_metadata") == [
        (
            "12345678901234567890123",
            "1.10",
            '{"a":[1,2.0,true]}',
            "true",
            '{"via":{"channel":"中"},"ok":1.5}',
        )
    ]


def test_identifiers_that_a_program_took_for_numbers_lose_their_fraction(shop: Shop) -> None:
    """Where some are missing pandas makes floating point numbers of them: 361940001127.0."""
    columns = [{"name": "order_id"}, {"name": "agent_id", "type": "identifier"}, {"name": "note"}]
    changes = {"columns": columns, "watermark": None}
    shop.put(
        "orders.ndjson",
        '{"order_id": "1", "agent_id": 361940001127.0, "note": 1.0}\n'
        '{"order_id": "2", "agent_id": "1.0", "note": null}\n'
        '{"order_id": "3", "agent_id": null, "note": null}\n',
    )
    with duckdb.connect() as con:
        con.execute(
            "copy (select * from (values ('4', 361940001127::double, 1.0), ('5', 1.5, null)) "
            f"as t(order_id, agent_id, note)) to '{shop.put('orders_2.parquet', b'')}'"
        )
    assert sorted(shop.rows(shop.land(**changes), "order_id, agent_id, note", **changes)) == [
        ("1", "361940001127", "1.0"),
        ("2", "1.0", None),
        ("3", None, None),
        ("4", "361940001127", "1.0"),
        ("5", "1.5", None),
    ]


def test_each_member_of_a_zip_is_a_file_of_its_own(shop: Shop) -> None:
    path = shop.put("export_2026-03-04.zip", b"")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/orders_1.csv", CSV)
        archive.writestr("data/orders_2.csv.gz", gzip.compress(CSV.replace("1,", "7,").encode()))
        archive.writestr("__MACOSX/._orders_1.csv", b"\0")
        archive.writestr("readme.md", "hello")
    records = shop.land()
    assert [(r.file_name, r.status, r.exported_at) for r in records] == [
        ("export_2026-03-04.zip/readme.md", "unrecognised", datetime(2026, 3, 4)),
        ("export_2026-03-04.zip/data/orders_1.csv", "loaded", datetime(2026, 3, 4)),
        ("export_2026-03-04.zip/data/orders_2.csv.gz", "loaded", datetime(2026, 3, 4)),
    ]
    assert len(shop.rows(records)) == 4


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders_2026-11-01.csv", datetime(2026, 11, 1)),
        ("orders_20261101.csv", datetime(2026, 11, 1)),
        ("orders_2026-11-01T0300.csv", datetime(2026, 11, 1, 3)),
        ("orders_20261101_030012.csv", datetime(2026, 11, 1, 3, 0, 12)),
        ("orders_20261101030012.csv", datetime(2026, 11, 1, 3, 0, 12)),
        ("orders_202611010300.csv", datetime(2026, 11, 1, 3)),
        ("orders_2026_11_01_0300.csv", datetime(2026, 11, 1, 3)),
        ("orders 2026.11.01.csv", datetime(2026, 11, 1)),
        ("orders_2026-11-01_1530_12.csv", datetime(2026, 11, 1, 15, 30)),
        ("orders_2026_01_01_2026_01_31.csv", datetime(2026, 1, 31)),
        ("orders_20260101_20260131.csv", datetime(2026, 1, 31)),
        ("export-2026-11-01-1530-4329572-4400.csv", datetime(2026, 11, 1, 15, 30)),
        ("orders_2026-01-01-2026-01-31.csv", datetime(2026, 1, 31)),
        ("orders_2026-01-01-20260131.csv", datetime(2026, 1, 31)),
        ("orders_2026-11_01.csv", None),
        ("2026-11-01T03:00-orders.csv", datetime(2026, 11, 1, 3)),
        ("orders_2026-01-01_2026-01-31.csv", datetime(2026, 1, 31)),
        ("2026-11-01/orders.csv", datetime(2026, 11, 1)),
        ("2026-11-01/orders_2026-11-02.csv", datetime(2026, 11, 2)),
        ("Customer survey_July 2, 2025_09.13.csv", datetime(2025, 7, 2, 9, 13)),
        ("Plan_Phase 2, 2025.csv", None),
        ("orders_20261301.csv", None),
        ("orders_123456789.csv", None),
        ("orders_202613010300.csv", None),
        ("orders_1.csv", None),
    ],
)
def test_the_export_time_is_read_from_names(name: str, expected: datetime | None) -> None:
    assert export_time(name) == expected


def test_without_a_date_the_watermark_tells_the_export_time(shop: Shop) -> None:
    shop.put("orders.csv", "order_id,amount,updated_at\n1,1,2026-01-05 10:00:00\n2,1,2026-01-04\n")
    record = only(shop.land())
    assert (record.exported_at, record.exported_at_source) == (
        datetime(2026, 1, 5, 10),
        "watermark",
    )
    assert record.max_watermark == record.exported_at
    assert shop.rows([record], "distinct _exported_at") == [(record.exported_at,)]


def test_as_of_sees_only_what_had_been_exported(shop: Shop) -> None:
    shop.put("orders_2026-01-01.csv", CSV)
    shop.put("orders_2026-01-02.csv", CSV.replace("2.50", "9"))
    shop.put("orders.csv", CSV.replace("2.50", "8"))
    records = shop.land()
    with duckdb.connect() as con:
        create_raw_views(con, shop.contract(), records, shop.raw, date(2026, 1, 1))
        seen = con.execute("select distinct _file_name from raw.shop__orders order by 1")
        assert seen.fetchall() == [("orders.csv",), ("orders_2026-01-01.csv",)]


def test_rows_of_one_file_are_found_without_reading_the_others(shop: Shop) -> None:
    for month in range(1, 8):
        rows = "".join(f"{month}-{number},1\n" for number in range(50 * month))
        shop.put(f"orders_2026-0{month}-01.csv", f"order_id,amount\n{rows}")
    records = shop.land()
    asked = [records[1].sha256, records[4].sha256]

    def rows_read(operator: dict[str, Any]) -> int:
        is_scan = operator.get("extra_info", {}).get("Function") == "READ_PARQUET"
        own = operator["operator_cardinality"] if is_scan else 0
        return int(own) + sum(map(rows_read, operator["children"]))

    with duckdb.connect() as con:
        create_raw_views(con, shop.contract(), records, shop.raw, None)
        found = con.execute(
            "explain (analyze, format json) select order_id from raw.shop__orders "
            f"where _content_hash in {asked}"
        ).fetchone()
    assert found is not None
    assert rows_read(json.loads(found[1])) == 50 * (2 + 5)


def test_an_object_without_files_has_an_empty_view_with_the_same_columns(shop: Shop) -> None:
    def description(records: list[FileRecord]) -> list[Any]:
        with duckdb.connect() as con:
            create_raw_views(con, shop.contract(), records, shop.raw, None)
            return con.execute("describe raw.shop__orders").fetchall()

    before = description([])
    shop.put("orders.csv", CSV)
    assert description(shop.land()) == before


# --- what is new


def test_a_file_seen_before_is_not_read_again(shop: Shop) -> None:
    shop.put("orders_2026-01-01.csv", CSV)
    first = shop.land()
    written = {p: p.stat().st_mtime_ns for p in shop.raw.rglob("*") if p.is_file()}
    shop.messages.clear()
    assert shop.land() == first
    assert shop.messages == []
    assert {p: p.stat().st_mtime_ns for p in shop.raw.rglob("*") if p.is_file()} == written


def test_landing_and_the_published_version_say_which_files_count(shop: Shop) -> None:
    """A bad file that was never published is undone by taking it out of landing."""
    published = shop.put("orders_2026-01-01.csv", CSV)
    unpublished = shop.put("orders_2026-01-02.csv", CSV.replace("2.50", "9"))
    first, second = shop.land()
    published.unlink()
    unpublished.unlink()
    assert shop.land() == []
    assert shop.land(published=[first]) == [first]
    assert second.sha256 != first.sha256


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_same_content_counts_once_whichever_copy_came_first(
    shop: Shop, order: tuple[int, int]
) -> None:
    names = ["orders_2026-01-01.csv", "orders_2026-01-02.csv"]
    records: list[FileRecord] = []
    for position in order:
        shop.put(names[position], CSV)
        records = shop.land()
    record = only(records)
    assert record.file_name == names[0]
    assert record.message == f"the same content also lies in {names[1]}"
    assert len(shop.rows(records)) == 2
    shutil.rmtree(shop.root / "landing")
    assert only(shop.land(published=[record])).file_name == names[0]


def test_a_changed_contract_reads_the_file_again(shop: Shop) -> None:
    shop.put("orders_2026-01-01.csv", "order_id,amount,colour\n1,2,red\n")
    shop.land()
    columns = [*ORDERS["columns"], {"name": "colour"}]
    records = shop.land(columns=columns)
    assert shop.rows(records, "colour, source_metadata", columns=columns) == [("red", None)]


def test_a_file_of_an_earlier_contract_that_left_landing_still_reads(shop: Shop) -> None:
    path = shop.put("orders_2026-01-01.csv", CSV)
    old = only(shop.land())
    path.unlink()
    shop.put("orders_2026-01-02.csv", "order_id,amount,colour\n3,2,red\n")
    columns = [*ORDERS["columns"], {"name": "colour"}]
    records = shop.land(published=[old], columns=columns)
    seen = shop.rows(records, "order_id, colour, _row_number", columns=columns)
    assert seen == [("1", None, 1), ("2", None, 2), ("3", "red", 1)]


def test_the_remains_of_a_killed_run_do_not_count_and_are_removed(shop: Shop) -> None:
    shop.put("orders_2026-01-01.csv", CSV)
    record = only(shop.land())
    parquet = shop.raw / str(record.parquet_path)
    parquet.with_suffix(".json").unlink()  # killed between the two renames
    parquet.write_bytes(b"half a file")
    leftover = shop.raw / "shop" / ".work-killed"
    leftover.mkdir()
    assert shop.land() == [record]
    assert shop.rows([record]) == ROWS
    assert not leftover.exists()


# --- refused and unrecognised


def test_an_unrecognised_file_is_reported_with_the_nearest_patterns(shop: Shop) -> None:
    shop.put("odrers.csv", CSV)
    shop.put(".DS_Store", "x")
    record = only(shop.land())
    assert record.status == "unrecognised"
    assert record.object is None
    assert "nearest is orders with the patterns orders*" in str(record.message)
    assert "odrers.csv unrecognised" in shop.messages[0]


def test_a_file_that_two_objects_claim_is_an_error_of_the_contract(shop: Shop) -> None:
    shop.put("orders.csv", CSV)
    with pytest.raises(ContractError, match=r"orders\.csv matches .* orders and others"):
        shop.land(shop.contract({**ORDERS, "name": "others"}))


def test_the_pattern_that_spells_out_more_of_the_name_decides(shop: Shop) -> None:
    shop.put("orders.csv", CSV)
    (record,) = shop.land(shop.contract({**ORDERS, "name": "others", "files": ["*"]}))
    assert record.object == "orders"


@pytest.mark.parametrize(
    ("name", "content", "message", "remedy"),
    [
        ("orders.csv", b"", "0 bytes", "export it again"),
        ("orders.csv", b"\n\n", "empty lines only", "export it again"),
        ("orders.csv", b"order_id,amuont\n1,2\n", "line 1: required column amount is missing",
         "if 'amuont' is that column, add it to the aliases of orders.amount"),
        ("orders.csv", b"order_id,amount,note,Note\n1,2,a,b\n", "'note' occurs twice",
         "export note once"),
        ("orders.csv", b"order_id,amount,note\n" + b"1,2,a\x81\x8d\x9d\n" * 200,
         "line 2: the byte at offset 26 is not UTF-8", "declare `encoding:` for orders"),
        ("orders.csv", b'order_id,amount,note\n1,2,x\n1,2,"\nb,c,d\ne\nf',
         "line 3: the quote opened", "truncated or a quote is stray"),
        ("orders.csv.gz", gzip.compress(CSV.encode() * 99, mtime=0)[:-12], "cannot be unpacked",
         "damaged or was still being written"),
        ("orders.zip", b"PK\x03\x04 no archive", "cannot be opened", "copy it to landing again"),
        ("orders.xlsx", b"PK", "the workbook cannot be opened", "save it again, or as CSV"),
        ("orders.pdf", b"PK", "does not say the format", "save the export as CSV"),
        ("orders.parquet", b"PAR1 no parquet", "not a readable Parquet file", "export it again"),
        ("orders.json", b'[{"order_id": 1, "amount":', "line 1: the file ends too early",
         "truncated"),
        ("orders.json", b'[{"order_id": 1, "amount": 2},\n{x}]', "line 2: malformed JSON",
         "export the file again"),
        ("orders.json", b'{"a": [{"x": 1}], "b": [{"y": 1}]}', "two lists, 'a' and 'b'",
         "one list per file"),
        ("orders.ndjson", b'{"order_id"', "line 1: the file ends too early", "truncated"),
        ("orders.ndjson", b'{"order_id": 1}\n', "required column amount is missing",
         "with the column amount"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_trusted_is_refused(
    shop: Shop, name: str, content: bytes, message: str, remedy: str
) -> None:
    changes = {"columns": [{**c, "not_null": False} for c in ORDERS["columns"]]}
    record = refused(shop, name, content, **changes)
    assert message in str(record.message)
    assert remedy in str(record.remedy)


def test_no_rows_are_fine_in_a_delta_and_refused_in_a_full_export(shop: Shop) -> None:
    shop.put("orders_2026-01-01.csv", "order_id,amount\n")
    assert only(shop.land(mode="delta")).rows_in_file == 0
    record = only(shop.land(mode="full"))
    assert record.status == "refused"
    assert "no rows" in str(record.message)


def test_a_repaired_file_takes_the_place_of_the_refused_one(shop: Shop) -> None:
    refused(shop, "orders.csv", b"order_id\n1\n")
    shop.put("orders.csv", CSV)
    assert shop.rows(shop.land()) == ROWS


def test_a_declared_encoding_is_transcoded(shop: Shop) -> None:
    shop.put("orders.csv", CSV.replace("x", "张é").encode("gb18030"))
    records = shop.land(encoding="gb18030")
    assert shop.rows(records) == [("1", "2.50", "张é"), ("2", "3", None)]
    assert only(records).encoding == "gb18030"


def test_a_file_without_header_is_read_by_position(shop: Shop) -> None:
    columns = ORDERS["columns"][:3]
    shop.put("orders.csv", "1;2.50;x\n2;3;\n")
    changes: dict[str, Any] = {"header": False, "columns": columns, "watermark": None}
    records = shop.land(**changes)
    assert only(records).delimiter == ";"
    assert shop.rows(records, **changes) == ROWS
    shop.put("orders.csv", "1;2.50\n")
    record = only(shop.land(**changes))
    assert "cells, but the contract has 3 columns" in str(record.message)


# --- tables for people


def test_input_files_are_written_whole(shop: Shop) -> None:
    shop.put("orders_2026-01-01.csv", "order_id,amount,colour\n1,2,red\n")
    shop.put("unknown.csv", CSV)
    records = shop.land()
    with duckdb.connect() as con:
        write_input_files(con, "shop", records)
        rows = con.execute(
            "select file_name, status, rows_in_file, columns_added, max_watermark, object "
            "from audit.input_files order by file_name"
        ).fetchall()
    assert rows == [
        ("orders_2026-01-01.csv", "loaded", 1, ["colour"], None, "orders"),
        ("unknown.csv", "unrecognised", 0, [], None, None),
    ]


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz", "orders.zip", "orders.ndjson"])
def test_a_row_is_found_again_in_the_original(shop: Shop, name: str, tmp_path: Path) -> None:
    text = b'order_id,amount,note\n1,1,"a\nb"\n\n2,2,x\n'
    lines = [2, 5]
    if name.endswith(".ndjson"):
        objects = [{"order_id": 1, "amount": 1}, {"order_id": 2, "amount": 2}]
        text = ("\n" + "\n\n".join(json.dumps(o) for o in objects) + "\n").encode()
        lines = [2, 4]
    content = {".gz": gzip.compress(text), ".zip": packed(str(tmp_path / "p.zip"), text)}
    path = shop.put(name, content.get(Path(name).suffix, text))
    record = only(shop.land())
    orders, landing = shop.contract().object("orders"), shop.root / "landing"
    found = [locate_line(orders, record, landing, number) for number in (1, 2, 3)]
    assert found == [*lines, None]
    path.unlink()
    assert locate_line(orders, record, landing, 1) is None


def test_a_file_that_lies_as_it_did_is_not_read_again(shop: Shop, tmp_path: Path) -> None:
    """Another content of equal size and time is seen all the same."""
    shop.put("orders_2026-11-01.csv", CSV)
    path = shop.root / "landing/shop/orders_2026-11-01.csv"
    found = path.stat()
    state = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    kept = tmp_path / ".digests.json"
    kept.write_text(json.dumps({path.name: ["as kept", 7, state]}), encoding="utf-8")
    assert contents(path.parent, tmp_path) == {(path.name, "as kept")}

    path.write_text(CSV.replace("2.50", "9.99"), encoding="utf-8")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    ((_, changed),) = contents(path.parent, tmp_path)
    assert changed == hashlib.sha256(path.read_bytes()).hexdigest()

    Digests(tmp_path).keep()
    assert json.loads(kept.read_text(encoding="utf-8")) == {}, "what left landing is forgotten"


@pytest.mark.parametrize(
    "content",
    [
        '{"order_id": ["A-1", "A-2"], "amount": [1, 2]}',
        '{"order_id": {"0": "A-1", "1": "A-2"}, "amount": {"0": 1, "1": 2}}',
        '{"A-1": {"order_id": "A-1", "amount": 1}, "A-2": {"order_id": "A-2", "amount": 2}}',
    ],
    ids=["columns", "columns by number", "records by key"],
)
def test_json_that_holds_no_records_is_refused(shop: Shop, content: str) -> None:
    """As pandas writes tables; one record of lists would be all that lands."""
    shop.put("orders.json", content)
    assert "it is no record" in str(only(shop.land()).message)


def test_a_json_key_that_occurs_twice_sets_its_record_aside(shop: Shop) -> None:
    lines = ['{"order_id": "A-1", "amount": 1, "amount": 2}', '{"order_id": "A-2", "amount": 1}']
    lines.append('{"order_id": "A-3", "amount": 1, "amount": 1}')
    shop.put("orders.ndjson", "\n".join(lines) + "\n")
    records = shop.land()
    assert shop.rows(records, "order_id") == [("A-2",), ("A-3",)]
    (aside,) = shop.quarantine(records)
    assert aside["message"] == "a key occurs twice with different values"
