"""What memory reading takes does not depend on how many rows a file has."""

import tracemalloc

import duckdb
import pytest

from orchestration.lib.reading import file_reader, sorting
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
