"""Deletions by absence from a full export and by flag, whatever order the files came in."""

import itertools
from collections.abc import Callable
from typing import Any

from tests.unit.reading.conftest import Shop

# What a company exported on which day, and what was there afterwards.
EXPORTS = {
    "orders_2026-01-01.csv": "order_id,amount\n1,10\n2,20\n3,30\n4,40\n",
    "orders_delta_2026-01-05.csv": "order_id,amount\n2,21\n5,50\n",
    "orders_2026-01-08_part1.csv": "order_id,amount\n1,10\n2,21\n",  # 3 and 5 are gone
    "orders_2026-01-08_part2.csv": "order_id,amount\n4,41\n",
    "orders_delta_2026-01-09.csv": "order_id,amount\n6,60\n3,33\n",  # 3 has come back
}
FULL: dict[str, Any] = {"mode": "full", "delta_files": ["orders_delta_*"], "watermark": None}


def _current(shop: Shop, **changes: Any) -> list[tuple[str, str]]:
    """Return the newest row of every order that is not deleted."""
    rows = shop.rows(shop.land(**changes), "order_id, amount, _is_deleted", **changes)
    newest = {order_id: (amount, deleted) for order_id, amount, deleted in rows}
    return sorted((key, amount) for key, (amount, deleted) in newest.items() if not deleted)


def test_a_record_that_a_later_full_export_is_without_is_deleted(
    new_shop: Callable[[], Shop],
) -> None:
    for names in itertools.permutations(EXPORTS):
        shop = new_shop()
        for name in names:
            shop.put(name, EXPORTS[name])
        assert _current(shop, **FULL) == [
            ("1", "10"),
            ("2", "21"),
            ("3", "33"),
            ("4", "41"),
            ("6", "60"),
        ]


def test_files_that_arrive_one_by_one_end_in_the_same(new_shop: Callable[[], Shop]) -> None:
    at_once, one_by_one = new_shop(), new_shop()
    for name in reversed(EXPORTS):
        at_once.put(name, EXPORTS[name])
        one_by_one.put(name, EXPORTS[name])
        one_by_one.land(**FULL)
    assert _current(one_by_one, **FULL) == _current(at_once, **FULL)


def test_absence_from_a_delta_means_nothing(shop: Shop) -> None:
    for name, content in EXPORTS.items():
        shop.put(name, content)
    assert [order_id for order_id, _ in _current(shop, watermark=None)] == list("123456")


def test_a_full_export_that_does_not_tell_its_day_proves_no_absence(shop: Shop) -> None:
    shop.put("orders_2026-01-01.csv", EXPORTS["orders_2026-01-01.csv"])
    shop.put("orders.csv", "order_id,amount\n1,11\n")
    assert [order_id for order_id, _ in _current(shop, **FULL)] == list("1234")


def test_a_flag_deletes_and_a_later_row_without_it_brings_back(shop: Shop) -> None:
    flagged: dict[str, Any] = {
        "deleted_flag": "is_deleted",
        "watermark": None,
        "columns": [{"name": "order_id"}, {"name": "amount"}, {"name": "is_deleted"}],
    }
    shop.put("orders_2026-01-01.csv", "order_id,amount,is_deleted\n1,10,false\n2,20,\n")
    shop.put("orders_2026-01-02.csv", "order_id,amount,is_deleted\n1,,true\n2,,true\n")
    shop.put("orders_2026-01-03.csv", "order_id,amount,is_deleted\n2,20,false\n")
    assert _current(shop, **flagged) == [("2", "20")]
