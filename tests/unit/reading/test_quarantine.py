"""Rows that are not as the contract says: which, where, why, and that the others land."""

from typing import Any

import duckdb
import pytest

from orchestration.lib.reading import plain
from orchestration.lib.reading.records import FileRecord
from orchestration.lib.reading.views import create_raw_views, write_input_files, write_quarantine
from tests.unit.reading.conftest import ORDERS, Shop

HEADER = "order_id,amount,note,quantity,is_paid,due_date,updated_at\n"


def bad_rows(shop: Shop, content: str | bytes, name: str = "orders.csv") -> list[dict[str, Any]]:
    shop.put(name, content)
    records = shop.land()
    record = records[0]
    assert record.status == "loaded", record.message
    assert record.rows_in_file == record.rows_loaded + record.rows_quarantined
    found = shop.quarantine(records)
    assert len(found) == record.rows_quarantined
    numbers = {n for (n,) in shop.rows(records, "_row_number")}
    assert len(numbers) == record.rows_loaded
    assert numbers | {row["row_number"] for row in found} == set(range(1, record.rows_in_file + 1))
    return found


@pytest.mark.parametrize(
    ("column", "value", "lands"),
    [
        ("amount", "1", "1"),
        ("amount", "-1.5", "-1.5"),
        ("amount", "0012.50", "0012.50"),
        ("amount", "+.5", "0.5"),
        ("amount", "5.", "5"),
        ("amount", "1e3", "1000"),
        ("amount", "1.5E-05", "0.000015"),
        ("amount", " 7 ", "7"),
        ("amount", "\uff11\uff12.\uff15", "12.5"),
        ("amount", "1,5", "1.5"),
        ("quantity", "-7", "-7"),
        ("quantity", "42.0", "42"),
        ("quantity", "123456789012345678", "123456789012345678"),
        ("is_paid", "true", "true"),
        ("is_paid", "FALSE", "false"),
        ("is_paid", "0", "false"),
        ("is_paid", "Y", "true"),
        ("is_paid", "wahr", "true"),
        ("is_paid", "否", "false"),
        ("is_paid", "on", "true"),
        ("due_date", "31.12.2026", "2026-12-31"),
        ("due_date", "29.02.2024", "2024-02-29"),
        ("updated_at", "2026-01-05", "2026-01-05 00:00:00"),
        ("updated_at", "2026-01-05 10:11:12", "2026-01-05 10:11:12"),
        ("updated_at", "2023-01-05T10:11:12.000Z", "2023-01-05 10:11:12"),
        ("updated_at", "20260105", "2026-01-05 00:00:00"),
    ],
)
def test_good_cells_land_as_canonical_text(shop: Shop, column: str, value: str, lands: str) -> None:
    cells = {"order_id": "1", "amount": "1", column: f'"{value}"'}
    shop.put("orders.csv", f"{','.join(cells)}\n{','.join(cells.values())}\n")
    records = shop.land()
    assert shop.rows(records, column) == [(lands,)]
    assert records[0].rows_quarantined == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("amount", v) for v in ["1_0", "abc", "+.", "1e99", "0x1F", "12 3", "1.2.3", "1,234"]),
        *(("amount", v) for v in ["1234567890123456789012", "1.5\\n"]),
        *(("quantity", v) for v in ["1.5", "1e3", "1_0", "1234567890123456789", "٣"]),
        *(("is_paid", v) for v in ["perhaps", "2", "maybe"]),
        *(("due_date", v) for v in ["2026-12-31", "31.02.2026", "31.12.2026x"]),
        *(
            ("updated_at", v)
            for v in ["epoch", "infinity", "2026-01-05x", "2026-02-30", "13/13/2026"]
        ),
        *(("updated_at", v) for v in ["2026-01-05 (BC)", "-2026-01-05", "now", "20261305"]),
    ],
)
def test_a_cell_of_the_wrong_type_sets_its_row_aside(shop: Shop, column: str, value: str) -> None:
    cells = {"order_id": "2", "amount": "1", column: f'"{value}"'}
    row = ",".join(cells.get(name, "") for name in HEADER.strip().split(","))
    (found,) = bad_rows(shop, f"{HEADER}1,1,,,,,\n{row}\n")
    assert (found["row_number"], found["line_number"]) == (2, 3)
    assert (found["column_name"], found["value"], found["reason"]) == (column, value, "bad_type")
    assert found["message"].startswith(f"{column} is not a")
    assert value not in found["message"]  # it may be personal data


def test_what_passes_can_be_cast(shop: Shop) -> None:
    """Staging casts what the reader let through: no value may get lost there."""
    columns = [c for c in ORDERS["columns"] if c["name"] in ("order_id", "amount", "quantity")]
    values = ["1", "1e9", "123456789012345678.123456789", "-.5", "5.", "1e-99", " 1 ", "1.0"]
    text = "order_id,amount,quantity\n"
    text += "".join(f"{i},{v},{v}\n" for i, v in enumerate(values))
    shop.put("orders.csv", text)
    changes: dict[str, Any] = {"columns": columns, "watermark": None}
    records = shop.land(**changes)
    found = shop.quarantine(records)
    assert {row["value"] for row in found} == {"1e9", values[2], "-.5", "1e-99"}
    casts = "try_cast(amount as decimal(38, 9)) is not null, try_cast(quantity as bigint)"
    cast = shop.rows(records, casts, **changes)
    assert cast == [(True, 1), (True, 5), (True, 1), (True, 1)]


def test_malformed_rows_are_set_aside_with_their_line(shop: Shop) -> None:
    text = 'order_id,amount,note\n1,1,"two\nlines"\n2,2\n3,3,a,b\n"4"x,4,c\n,5,d\n6,,e\n7,7,f\n'
    text += "8,8,g,,\n"
    found = bad_rows(shop, text)
    assert [
        (r["row_number"], r["line_number"], r["reason"], r["column_name"], r["raw_row"])
        for r in found
    ] == [
        (2, 4, "wrong_cell_count", None, '["2","2"]'),
        (3, 5, "wrong_cell_count", None, '["3","3","a","b"]'),
        (4, 6, "malformed_quote", None, '"4"x,4,c\n'),
        (5, 7, "empty_cell", "order_id", '[null,"5","d"]'),
        (6, 8, "empty_cell", "amount", '["6",null,"e"]'),
        (8, 10, "wrong_cell_count", None, '["8","8","g","",""]'),
    ]
    assert found[0]["message"] == "2 cells instead of 3"


def test_rows_of_one_key_that_differ_are_all_set_aside(shop: Shop) -> None:
    found = bad_rows(shop, "order_id,amount,note\n1,1,a\n2,2,b\n1,1,c\n2,2,b\n3,3,\n")
    assert [(r["row_number"], r["line_number"], r["reason"], r["value"]) for r in found] == [
        (1, 2, "duplicate_key", "1"),
        (3, 4, "duplicate_key", "1"),
    ]
    assert "order_id" in found[0]["message"]


def test_exact_repetitions_are_kept_for_staging_to_explain(shop: Shop) -> None:
    assert bad_rows(shop, "order_id,amount\n1,1\n1,1\n2,2\n") == []


def test_a_difference_in_an_unknown_column_is_a_difference(shop: Shop) -> None:
    found = bad_rows(shop, "order_id,amount,colour\n1,1,red\n1,1,blue\n")
    assert [r["reason"] for r in found] == ["duplicate_key"] * 2


def test_a_bad_row_does_not_count_as_the_double_of_a_good_one(shop: Shop) -> None:
    found = bad_rows(shop, "order_id,amount\n1,1\n1,x\n")
    assert [(r["row_number"], r["reason"]) for r in found] == [(2, "bad_type")]


def test_malformed_json_lines_are_set_aside(shop: Shop) -> None:
    text = (
        '{"order_id": 1, "amount": 1}\n{"order_id": 2,\n\n[3]\n{"order_id": "4", "amount": NaN}\n'
        '{"order_id": "\\ud800", "amount": 1}\n{"order_id": 6, "amount": "x"}\n'
        '{"order_id": 7, "ORDER_ID": 8, "amount": 1}\n'
    )
    found = bad_rows(shop, text, "orders.ndjson")
    assert [(r["row_number"], r["line_number"], r["reason"]) for r in found] == [
        (2, 2, "malformed_json"),
        (3, 4, "malformed_json"),
        (4, 5, "malformed_json"),
        (5, 6, "malformed_json"),
        (6, 7, "bad_type"),
        (7, 8, "duplicate_column"),
    ]
    assert found[4]["raw_row"] == '{"order_id": 6, "amount": "x"}'


def test_bad_rows_of_parquet_have_a_number_and_no_line(shop: Shop) -> None:
    path = shop.put("orders.parquet", b"")
    with duckdb.connect() as con:
        con.execute(
            "copy (select unnest([1, null, 3]) as order_id, unnest([1.5, 2, 'nan'::double]) "
            f"as amount) to '{path}' (format parquet)"
        )
    found = bad_rows(shop, path.read_bytes(), "orders.parquet")
    assert [(r["row_number"], r["line_number"], r["column_name"]) for r in found] == [
        (2, None, "order_id"),
        (3, None, "amount"),
    ]


def test_the_next_reading_takes_the_quarantine_from_the_sidecar(shop: Shop) -> None:
    first = bad_rows(shop, "order_id,amount\n1,1\n2,x\n")
    assert shop.quarantine(shop.land()) == first


# --- release


def released(shop: Shop, records: list[FileRecord]) -> list[tuple[Any, ...]]:
    return [
        (row["file_name"], row["row_number"], row["released_by"])
        for row in sorted(shop.quarantine(records), key=lambda r: (r["file_name"], r["row_number"]))
    ]


def test_rows_are_released_when_a_later_file_brings_their_records(shop: Shop) -> None:
    bad = "orders_2026-01-02.csv"
    shop.put(bad, "order_id,amount\n1,x\n2,y\n3,1\n")
    shop.put("orders_2026-01-01.csv", "order_id,amount\n1,1\n2,1\n")
    assert released(shop, shop.land()) == [(bad, 1, None), (bad, 2, None)]
    shop.put("orders_2026-01-03.csv", "order_id,amount\n2,7\n9,9\n")
    records = shop.land()
    assert released(shop, records) == [(bad, 1, None), (bad, 2, "orders_2026-01-03.csv")]
    with duckdb.connect() as con:
        create_raw_views(con, shop.contract(), records, shop.raw, None)
        write_input_files(con, "shop", records)
        write_quarantine(con, shop.contract(), records, shop.raw)
        counts = con.execute(
            "select rows_quarantined, rows_released from audit.input_files order by file_name"
        ).fetchall()
    assert counts == [(0, 0), (2, 1), (0, 0)]


def test_rows_that_do_not_say_their_key_are_released_by_the_next_file_of_that_name(
    shop: Shop,
) -> None:
    bad = "orders_2026-01-02.csv"
    shop.put(bad, "order_id,amount,note\n1,1\n2,2,\n3,3,3,3\n")
    shop.put("orders_late_2026-01-03.csv", "order_id,amount\n1,1\n")
    assert released(shop, shop.land()) == [(bad, 1, None), (bad, 3, None)]
    shop.put("orders_2026-01-03.csv", "order_id,amount,note\n1,1,\n3,3,3,3\n")
    assert released(shop, shop.land()) == [
        (bad, 1, "orders_2026-01-03.csv"),
        (bad, 3, None),
        ("orders_2026-01-03.csv", 2, None),
    ]


def test_two_versions_of_a_record_in_one_file_both_land_when_their_times_differ(
    shop: Shop,
) -> None:
    found = bad_rows(
        shop,
        "order_id,amount,updated_at\n1,1,2026-01-01\n1,2,2026-01-02\n2,1,2026-01-01\n"
        "2,2,2026-01-01\n",
    )
    assert [(r["row_number"], r["reason"]) for r in found] == [
        (3, "duplicate_key"),
        (4, "duplicate_key"),
    ]


@pytest.mark.parametrize(
    ("row", "is_set_aside"),
    [
        ("Subtotal,,30", True),
        ("North Total,,30", True),
        ("Page 1 of 2,,", True),
        ("第 3 页,,", True),
        ("Zwischensumme,,30", True),
        ("© 2026 Company,,", True),
        ("FOOTNOTE 1,,", True),
        ("Total,x,30", False),  # every cell is filled: a name like any other
        ("Totally,,30", False),
        ("North Total,x,30", False),
        ("Page 1 of 2,x,", False),
        ("x,,", False),
    ],
)
def test_totals_and_page_numbers_within_a_table_are_no_records(
    shop: Shop, row: str, is_set_aside: bool
) -> None:
    """A table without a key has nothing else to tell them by."""
    columns = [{"name": "region"}, {"name": "note"}, {"name": "amount", "type": "decimal"}]
    shop.put("orders.csv", f"region,note,amount\nNorth,a,10\n{row}\nSouth,b,20\n")
    (record,) = shop.land(columns=columns, key=[], watermark=None)
    assert (record.rows_loaded, record.rows_quarantined) == ((2, 1) if is_set_aside else (3, 0))
    rows = shop.rows([record], "region, _row_number", columns=columns, key=[], watermark=None)
    assert rows[0] == ("North", 1)
    assert rows[-1] == ("South", 3)
    if is_set_aside:
        (aside,) = shop.quarantine([record])
        assert (aside["reason"], aside["line_number"]) == ("not_a_record", 3)


@pytest.mark.parametrize("kind", ["text", "integer"])
def test_a_thousand_columns_are_read(shop: Shop, kind: str) -> None:
    """Incident: the conditions of all columns in one expression were too deep for DuckDB."""
    names = [f"c{position}" for position in range(1050)]
    columns = [{"name": name, "type": kind} for name in names]
    rows = [",".join(["1"] * 1050), ",".join(["2"] * 1049 + ["x"])]
    shop.put("orders.csv", "\n".join([",".join(names), *rows]) + "\n")
    (record,) = shop.land(columns=columns, key=[], watermark=None)
    assert (record.rows_loaded, record.rows_quarantined) == ((2, 0) if kind == "text" else (1, 1))


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({1200: "1200,1"}, {1200: "2 cells instead of 3"}),
        ({1: "1,1", 3000: "3000,1,a,b"}, {1: "2 cells instead of 3", 3000: "4 cells instead of 3"}),
        # in one block a cell too many makes up for one too few
        (
            {1: "1,1", 1500: "1500,1", 1501: "1501,1,a,b"},
            {n: f"{cells} cells instead of 3" for n, cells in ((1, 2), (1500, 2), (1501, 4))},
        ),
        ({1200: '1200,1,"two\nlines",b'}, {1200: "4 cells instead of 3"}),
    ],
)
def test_few_rows_of_another_width_in_a_long_file(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, bad: dict[int, str], expected: dict[int, str]
) -> None:
    """Nearly all blocks are copied by the number of their delimiters, which may mislead."""
    monkeypatch.setattr(plain, "_BLOCK", 500)
    rows = [bad.get(n, f'{n},1,"a, ""b""\n"' if n % 7 else f"{n},1,") for n in range(1, 3001)]
    starts = [2]
    for row in rows:
        starts.append(starts[-1] + 1 + row.count("\n"))
    found = bad_rows(shop, "order_id,amount,note\n" + "\n".join(rows) + "\n")
    assert {r["row_number"]: r["message"] for r in found} == expected
    assert [r["line_number"] for r in found] == [starts[n - 1] for n in sorted(expected)]
    assert {r["reason"] for r in found} == {"wrong_cell_count"}
