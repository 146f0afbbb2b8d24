"""Deletions by absence from a full export and by flag, whatever order the files came in."""

import itertools
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.lib.reading.records import FileRecord
from tests.unit.reading.conftest import Shop, only

# What a company exported on which day, and what was there afterwards.
EXPORTS = {
    "orders_2026-01-01.csv": "order_id,amount\n1,10\n2,20\n3,30\n4,40\n",
    "orders_delta_2026-01-05.csv": "order_id,amount\n2,21\n5,50\n",
    "orders_2026-01-08_part1.csv": "order_id,amount\n1,10\n2,21\n",  # 3 and 5 are gone
    "orders_2026-01-08_part2.csv": "order_id,amount\n4,41\n",
    "orders_delta_2026-01-09.csv": "order_id,amount\n6,60\n3,33\n",  # 3 has come back
}
FULL: dict[str, Any] = {"mode": "full", "delta_files": ["orders_delta_*"], "watermark": None}


def _current(
    shop: Shop, records: list[FileRecord] | None = None, **changes: Any
) -> list[tuple[str, str]]:
    """Return the newest row of every order that is not deleted."""
    landed = shop.land(**changes) if records is None else records
    rows = shop.rows(landed, "order_id, amount, _is_deleted", **changes)
    newest = {order_id: (amount, deleted) for order_id, amount, deleted in rows}
    return sorted((key, amount) for key, (amount, deleted) in newest.items() if not deleted)


def test_a_record_that_a_later_full_export_is_without_is_deleted(
    new_shop: Callable[[], Shop],
) -> None:
    """All orders on what was read once, some of them on files that are read anew."""
    kept = new_shop()
    for number, names in enumerate(itertools.permutations(EXPORTS)):
        shop = kept if number % 12 else new_shop()
        shutil.rmtree(shop.root / "landing", ignore_errors=True)
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


def test_a_part_that_did_not_change_is_not_absent(new_shop: Callable[[], Shop]) -> None:
    """Daily exports in two parts: the first is the same on both days."""
    exports = {
        "orders_2026-01-01_part1.csv": "order_id,amount\n1,10\n2,20\n",
        "orders_2026-01-01_part2.csv": "order_id,amount\n3,30\n4,40\n",
        "orders_2026-01-02_part1.csv": "order_id,amount\n1,10\n2,20\n",
        "orders_2026-01-02_part2.csv": "order_id,amount\n4,41\n",  # 3 is gone
    }
    for names in itertools.permutations(exports):
        shop = new_shop()
        for name in names:
            shop.put(name, exports[name])
        assert _current(shop, **FULL) == [("1", "10"), ("2", "20"), ("4", "41")]


def test_what_is_as_it_was_before_is_so_again(new_shop: Callable[[], Shop]) -> None:
    """The third export says what the first did, but of a later time: 1 costs 10 and 2 is back."""
    exports = {
        "orders_2026-01-01_08-00.csv": "order_id,amount\n1,10\n2,20\n",
        "orders_2026-01-01_20-00.csv": "order_id,amount\n1,11\n",
        "orders_2026-01-02_08-00.csv": "order_id,amount\n1,12\n",
        "orders_2026-01-02_20-00.csv": "order_id,amount\n1,10\n2,20\n",
        "orders_2026-01-02_20-00_again.csv": "order_id,amount\n1,10\n2,20\n",
        "orders.csv": "order_id,amount\n1,10\n2,20\n",  # a copy without a time
    }
    for names in itertools.islice(itertools.permutations(exports), 0, None, 60):
        at_once, one_by_one = new_shop(), new_shop()
        for name in names:
            at_once.put(name, exports[name])
            one_by_one.put(name, exports[name])
            landed = one_by_one.land(**FULL)
        assert [record.file_name for record in landed] == [*exports][:4]
        assert _current(one_by_one, **FULL) == _current(at_once, **FULL)
        assert _current(at_once, **FULL) == [("1", "10"), ("2", "20")]


def test_a_delta_that_takes_a_value_back_counts_too(shop: Shop) -> None:
    """Rows without a change time of their own: only the file tells when they were true."""
    for day, amount in [("01", "10"), ("02", "11"), ("03", "10")]:
        shop.put(f"orders_2026-01-{day}.csv", f"order_id,amount\n1,{amount}\n")
    assert _current(shop, watermark=None) == [("1", "10")]
    assert len(shop.land(watermark=None)) == 3


def test_rows_without_a_key_count_once_whatever_their_file_is_called(shop: Shop) -> None:
    sums = {"mode": "full", "key": [], "watermark": None}
    for name in ["orders_2026-01-01_08-00.csv", "orders_2026-01-01_20-00.csv"]:
        shop.put(name, "order_id,amount\n1,10\n1,10\n")
    assert len(shop.land(**sums)) == 1, "the parts of a full export are those of one day"
    shop.put("orders_2026-01-02.csv", "order_id,amount\n1,10\n1,10\n")
    rows = shop.rows(shop.land(**sums), "amount, _is_deleted", **sums)
    assert [deleted for _, deleted in rows] == [True, True, False, False]

    assert len(shop.land(**sums | {"mode": "delta"})) == 1, "events would be added twice"


def test_what_left_landing_counts_under_every_time_it_was_published_with(shop: Shop) -> None:
    exports = {"orders_2026-01-01.csv": "10", "orders_2026-01-02.csv": "11"}
    for name, amount in exports.items():
        shop.put(name, f"order_id,amount\n1,{amount}\n")
    published = shop.land(**FULL)
    unpublished = shop.put("orders_2026-01-03.csv", "order_id,amount\n1,10\n")
    assert len(shop.land(published=published, **FULL)) == 3
    unpublished.unlink()
    assert shop.land(published=published, **FULL) == published
    for path in (shop.root / "landing").rglob("*.csv"):
        path.unlink()
    assert shop.land(published=published, **FULL) == published


def test_a_record_whose_row_is_in_quarantine_is_not_absent(shop: Shop) -> None:
    """What was known of it before stands until a readable row comes."""
    shop.put("orders_2026-01-01.csv", "order_id,amount\n1,10\n2,20\n3,30\n4,40\n")
    shop.put("orders_2026-01-02_part1.csv", "order_id,amount\n1,11\n")
    shop.put("orders_2026-01-02_part2.csv", "order_id,amount\n2,twenty\n3,31\n")  # 4 is gone
    assert _current(shop, **FULL) == [("1", "11"), ("2", "20"), ("3", "31")]
    shop.put("orders_2026-01-03.csv", "order_id,amount\n1,11\n3,31\n")
    assert _current(shop, **FULL) == [("1", "11"), ("3", "31")]


@pytest.mark.parametrize(
    ("suffix", "first", "second"),
    [
        ("csv", "order_id,amount\n1,10\n22,20\n3,30\n", "order_id,amount\n1,11\n 22 ,,20\n"),
        (
            "ndjson",
            '{"order_id": "1", "amount": 10}\n{"order_id": "22", "amount": 20}\n'
            '{"order_id": "3", "amount": 30}\n',
            '{"order_id": "1", "amount": 11}\n{"order_id": "22", "amo\n'
            '{"order_id": "4", "amount": 1}\n',
        ),
    ],
)
def test_a_record_whose_row_was_torn_is_not_absent(
    shop: Shop, suffix: str, first: str, second: str
) -> None:
    """One comma too many in a full export deleted a customer."""
    shop.put(f"orders_2026-01-01.{suffix}", first)
    shop.put(f"orders_2026-01-02.{suffix}", second)
    current = _current(shop, **FULL | {"files": ["orders*"]})
    assert [row for row in current if row[0] != "4"] == [("1", "11"), ("22", "20")]


@pytest.mark.parametrize(
    ("suffix", "torn"),
    [
        ("csv", "'B 1,05.01.2026 08:00,n,n\n"),  # too many cells
        ("csv", "B 1,\n05.01.2026 08:00,n\n"),  # over two lines
        ("ndjson", '{"id": "B 1", "at": "05.01.20\n'),
    ],
)
def test_a_torn_row_whose_key_has_several_columns_is_not_absent(
    shop: Shop, suffix: str, torn: str
) -> None:
    """A time is not written as it landed: one delimiter too many deleted the booking."""
    columns = [{"name": "id", "type": "identifier"}, {"name": "at", "type": "timestamp"}]
    two = FULL | {"key": ["id", "at"], "columns": [*columns, {"name": "note"}], "date_order": "dmy"}
    header, good = "id,at,note\n", "".join(f"A{n},0{n}.01.2026 08:00,n\n" for n in range(1, 5))
    shop.put(
        "orders_2026-01-01.csv", f"{header}{good}B 1,05.01.2026 08:00,n\nC,06.01.2026 08:00,n\n"
    )
    if suffix == "ndjson":
        cells = (line.split(",") for line in good.splitlines())
        header, good = "", "".join(f'{{"id": "{id}", "at": "{at}"}}\n' for id, at, _ in cells)
    shop.put(f"orders_2026-01-02.{suffix}", header + good + torn)
    found = dict(shop.rows(shop.land(**two), "id, _is_deleted", **two))
    assert {name: deleted for name, deleted in found.items() if name in ("B 1", "C")} == {
        "B 1": False,
        "C": True,
    }


@pytest.mark.parametrize("name", ["orders.csv", "orders_2026-01-01.csv"])
@pytest.mark.parametrize("key", [["order_id"], []])
def test_another_full_export_under_the_same_name_stands_for_the_first(
    shop: Shop, name: str, key: list[str]
) -> None:
    """As a build from nothing would have it; whichever of the two hashes is the greater."""
    full = FULL | {"key": key}
    published: list[FileRecord] = []
    for amount in range(10, 14):
        shop.put(name, f"order_id,amount\n1,{amount}\n2,20\n{amount},1\n")
        published = shop.land(published=published, **full)
        assert _current(shop, published, **full) == [("1", str(amount)), (str(amount), "1"),
                                                     ("2", "20")]  # fmt: skip
        assert len(shop.rows(published, "order_id", **full)) == 3
    assert only(published).message == (
        "replaces published content of the same name, 3 rows: a full export, so they count no more"
    )
    assert only(shop.land(published=published, **full)).message is None


@pytest.mark.parametrize("name", ["orders.csv", "orders_2026-01-01.csv"])
def test_of_deltas_under_one_name_the_last_one_counts(shop: Shop, name: str) -> None:
    """Nothing but the name tells their order; records that only an earlier one has stay."""
    published: list[FileRecord] = []
    for amount in range(10, 18):
        shop.put(name, f"order_id,amount\n1,{amount}\n{amount},1\n2,{amount % 2}\n")
        published = shop.land(published=published, watermark=None)
        assert shop.land(published=published, watermark=None) == published
        newest = dict(
            shop.rows(
                published,
                "order_id, arg_max(amount, (_exported_at, _content_hash)) "
                "from raw.shop__orders group by order_id --",
                watermark=None,
            )
        )
        assert newest == {"1": str(amount), "2": str(amount % 2)} | {
            str(earlier): "1" for earlier in range(10, amount + 1)
        }
    assert [r.times_replaced for r in sorted(published, key=lambda r: r.times_replaced)] == [
        *range(8)
    ]
    assert sum("a delta, so they count" in str(record.message) for record in published) == 1
