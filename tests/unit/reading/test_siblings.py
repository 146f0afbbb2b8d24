"""What the files of one object say of each other: days and months, zeros, line ends."""

import itertools
import json
from typing import Any

import pytest

from tests.unit.reading.conftest import Shop

COLUMNS: dict[str, Any] = {
    "columns": [
        {"name": "order_id"},
        {"name": "made", "type": "date"},
        {"name": "paid", "type": "date"},
    ],
    "watermark": None,
}
FILES = {
    "orders_2026-01-01.csv": "order_id,made\n1,03/04/2025\n",
    "orders_2026-01-02.csv": "order_id,made\n2,12/25/2025\n",
    "orders_2026-01-03.csv": "order_id,made\n3,05/05/2025\n",
}


@pytest.mark.parametrize("names", list(itertools.permutations(FILES)), ids=lambda n: n[0])
def test_the_order_of_days_and_months_is_taken_from_other_files(
    shop: Shop, names: tuple[str, ...]
) -> None:
    """In whichever order the files come, each in a run of its own."""
    for name in names:
        shop.put(name, FILES[name])
        records = shop.land(**COLUMNS)
    assert [r.status for r in records] == ["loaded"] * 3
    assert shop.rows(records, "order_id, made", **COLUMNS) == [
        ("1", "2025-03-04"),
        ("2", "2025-12-25"),
        ("3", "2025-05-05"),
    ]
    follower = records[0]
    assert follower.message == (
        "days and months of made are read as mdy, as in the other files of orders"
    )
    assert json.loads(follower.decisions)["date_order"]["value"] == "mdy"
    assert shop.land(**COLUMNS) == records


def test_a_file_is_refused_again_when_others_no_longer_agree(shop: Shop) -> None:
    for name, text in FILES.items():
        shop.put(name, text)
    assert [r.status for r in shop.land(**COLUMNS)] == ["loaded"] * 3
    shop.put("orders_2026-01-04.csv", "order_id,made\n4,25/12/2025\n")
    records = shop.land(**COLUMNS)
    assert [r.status for r in records] == ["refused", "loaded", "loaded", "loaded"]
    assert "day and month of made cannot be told apart" in str(records[0].message)


@pytest.mark.parametrize(
    "other",
    [
        "order_id,paid\n2,12/25/2025\n",  # another column
        "order_id,made\n2,12.11.2025\n",  # by convention, not by its values
        "order_id,made\n2,11/11/2025\n",  # either
    ],
)
def test_what_is_no_evidence_is_not_followed(shop: Shop, other: str) -> None:
    shop.put("orders_2026-01-01.csv", FILES["orders_2026-01-01.csv"])
    shop.put("orders_2026-01-02.csv", other)
    assert [r.status for r in shop.land(**COLUMNS)] == ["refused", "loaded"]


def test_the_usual_order_of_a_system_is_what_remains(shop: Shop) -> None:
    """Incident: a small portal's export, sent twice, was refused, and nothing was published."""
    shop.put("orders_2026-01-01.csv", FILES["orders_2026-01-01.csv"])
    (record,) = shop.land(**COLUMNS, usual_date_order="mdy")
    assert "as this system usually writes it" in str(record.message)
    shop.put("orders_2026-01-04.csv", "order_id,made\n4,25/12/2025\n")
    records = shop.land(**COLUMNS, usual_date_order="mdy")
    rows = shop.rows(records, "order_id, made", **COLUMNS, usual_date_order="mdy")
    assert rows == [("1", "2025-04-03"), ("4", "2025-12-25")]


CODES: dict[str, Any] = {"columns": [{"name": "order_id"}, {"name": "shop"}], "watermark": None}
WHOLE = "order_id,shop\n1,00123\n2,04567\n3,89012\n"
OPENED = "order_id,shop\n4,123\n5,4567\n6,89012\n"


@pytest.mark.parametrize("names", list(itertools.permutations(["a", "b"])), ids=lambda n: n[0])
def test_codes_that_lost_their_zeros_are_told_beside_files_that_have_them(
    shop: Shop, names: tuple[str, ...]
) -> None:
    """Incident to prevent: a shop 00123 became a second shop 123, which no record speaks of."""
    contents = {"a": ("orders_2026-01-01.csv", WHOLE), "b": ("orders_2026-01-02.csv", OPENED)}
    for name in names:
        shop.put(*contents[name])
        records = shop.land(**CODES)
    assert records[0].message is None
    assert "shop has 3 to 5 digits and none begins with a zero" in str(records[1].message)
    shop.put("orders_2026-01-02.csv", OPENED.replace("123", "10123").replace(",4567", ",44567"))
    assert [r.message for r in shop.land(**CODES)] == [None, None]


def test_a_last_row_without_a_line_end_is_told_where_other_files_have_one(shop: Shop) -> None:
    shop.put("orders_2026-01-01.csv", "order_id,amount\n1,505\n")
    shop.put("orders_2026-01-02.csv", "order_id,amount\n2,50")
    told = [r.message for r in shop.land()]
    assert told[0] is None
    assert "no line end stands behind the last row, as in all other files" in str(told[1])
    shop.put("orders_2026-01-01.csv", "order_id,amount\n1,505")
    assert [r.message for r in shop.land()] == [None, None]


def test_dates_that_stand_for_none_are_told_once(shop: Shop) -> None:
    changes = {"columns": [{"name": "order_id"}, {"name": "until", "type": "date"}]}
    changes |= {"watermark": None}  # type: ignore[dict-item]
    for day in (2, 3, 1):
        shop.put(f"orders_2026-01-0{day}.csv", f"order_id,until\n{day},9999-12-31\n9,2026-01-01\n")
        told = [r.message for r in shop.land(**changes)]
    assert "until (9999-12-31)" in str(told[0])
    assert told[1:] == [None, None]
