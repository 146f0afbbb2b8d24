"""What memory reading takes does not depend on how many rows a file has."""

import tracemalloc

import duckdb
import pytest

from orchestration.lib.reading import file_reader, plain, sorting
from tests.unit.reading.conftest import Shop

_ROWS = 400_000


def orders(shop: Shop, rows: int, more: str = "") -> None:
    shop.put("orders.csv", "order_id,amount\n" + "".join(f"{i:06},1\n" for i in range(rows)) + more)


def test_few_keys_are_in_memory_at_a_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    orders(shop, _ROWS)
    monkeypatch.setattr(sorting, "_SORTED_HASHES", _ROWS // 40)
    find_repeated, peaks = sorting._repeated, []

    def measured(con: duckdb.DuckDBPyConnection, *arguments: object) -> object:
        tracemalloc.start()
        found = find_repeated(con, *arguments)  # type: ignore[arg-type]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        return found

    monkeypatch.setattr(sorting, "_repeated", measured)
    assert shop.land()[0].rows_loaded == _ROWS
    assert max(peaks) < 8 * _ROWS / 4  # eight bytes each


def test_keys_that_are_dealt_out_are_compared_all_the_same(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "_SORTED_HASHES", 10)
    orders(shop, 1000, more="000007,2\n000500,1\n000999,2\n")
    records = shop.land()
    found = {row["row_number"]: row["value"] for row in shop.quarantine(records)}
    assert found == {8: "000007", 1000: "000999", 1001: "000007", 1003: "000999"}
    assert records[0].rows_loaded == 999


def test_what_duckdb_may_take_does_not_depend_on_the_rows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[str] = []
    copy_rows = file_reader.copy_rows

    def noted(con: duckdb.DuckDBPyConnection, *arguments: object) -> int:
        limits.extend(con.execute("select current_setting('memory_limit')").fetchall()[0])
        return copy_rows(con, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(file_reader, "copy_rows", noted)
    for rows in (10, 50_000):
        orders(shop, rows)
        shop.land()
    assert limits[0] == limits[1]


def test_long_texts_are_written_in_small_row_groups() -> None:
    with duckdb.connect() as con:
        con.execute("set threads = 2")

        def limits(letters: float, batch_rows: int = 0) -> tuple[int, str]:
            sorting.limit_memory(con, letters, 12, batch_rows)
            settings = "getvariable('group_rows'), current_setting('memory_limit')"
            found: list[tuple[int, str]] = con.execute(f"select {settings}").fetchall()
            return found[0]

        assert limits(118) == (61_440, "402.4 MiB")
        assert limits(23_000) == (4096, "545.5 MiB")
        assert limits(10_000_000) == (2048, "1.8 GiB")
        assert limits(118, batch_rows=67_796) == (67_796, "406.2 MiB")
        assert limits(20, batch_rows=400_000)[0] == 61_440


def test_rows_are_written_in_the_batches_in_which_they_are_read(shop: Shop) -> None:
    text = "".join(f"{i:06},1,{'long ' * 30}\n" for i in range(200_000))
    shop.put("orders.csv", f"order_id,amount,note\n{text}")
    (record,) = shop.land()
    with duckdb.connect() as con:
        *groups, _ = con.execute(
            "select any_value(row_group_num_rows) from "
            f"parquet_metadata('{shop.raw / str(record.parquet_path)}') "
            "group by row_group_id order by row_group_id"
        ).fetchall()
    batch = 8_000_000 / len(text) * 200_000
    # a row group that is filled from several batches ends where DuckDB ends what it works on
    assert [rows for (rows,) in groups] == [pytest.approx(batch, abs=2)] * 3


def test_rows_that_are_longer_than_the_first_are_written_all_the_same(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "_THREAD_MEMORY", 6)
    orders(shop, 100_000, more="".join(f"L{i},{i % 7}{'0' * 300}\n" for i in range(20_000)))
    record = shop.land()[0]
    assert (record.rows_loaded, record.rows_quarantined) == (100_000, 20_000)


def test_a_cell_may_have_megabytes(shop: Shop) -> None:
    text = "long, " * 1_000_000
    shop.put("orders.csv", f'order_id,amount,note\n1,1,"{text}"\n2,1,\n3,1,"a ""b"" {text}"\n')
    assert shop.land()[0].rows_loaded == 3


def test_a_line_without_end_refuses_the_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "LONGEST_CELL", 50_000)
    orders(shop, 50_000, more=f"x,{'1' * 60_000}\n1,1\n")
    record = shop.land()[0]
    assert record.status == "refused"
    assert str(record.message).startswith("line 50002 has more than 50,000 bytes")
