"""Where the records of a JSON file are: lists, lines, pages, and values one behind the other."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.reading.recognise import recognise
from orchestration.lib.reading.sources import Source
from tests.unit.reading.conftest import Shop, only

R: list[dict[str, Any]] = [
    {"order_id": "A-1", "amount": 1, "items": [{"order_id": "x", "price": 3}]},
    {"order_id": "A-2", "amount": 2, "items": []},
    {"order_id": "A-3", "amount": 3, "items": [{"order_id": "y", "price": 4}]},
]
PAGES = [{"orders": R[:2], "next_page": "…", "count": 3}, {"orders": R[2:], "next_page": None}]


def lines(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(R),
        json.dumps(R)[:-1] + ",]",
        lines(R),
        "\n".join(json.dumps(record, indent=2) for record in R),
        "".join(f"\x1e{json.dumps(record)}\n" for record in R),
        json.dumps(R[:2]) + "\n" + json.dumps(R[2:]),
        json.dumps({"count": 3, "orders": R}),
        json.dumps({"status": "ok", "data": {"orders": R, "next": {"after": 3}}}),
        json.dumps(
            {"totalSize": 3, "records": [{"attributes": {"type": "Order"}, **r} for r in R]}
        ),
        json.dumps({"data": {"orders": {"edges": [{"node": r, "cursor": "c"} for r in R]}}}),
        lines(PAGES),
        json.dumps(PAGES),
        json.dumps(PAGES, indent=1),
    ],
    ids=[
        "a list",
        "a comma behind the last",
        "lines",
        "laid out one behind the other",
        "a sequence",
        "two lists",
        "a page",
        "a page within an answer",
        "as Salesforce answers",
        "as GraphQL answers",
        "pages by line",
        "a list of pages",
        "a list of pages laid out",
    ],
)
@pytest.mark.parametrize("name", ["orders.json", "orders.ndjson"])
def test_records_are_found(shop: Shop, name: str, text: str) -> None:
    shop.put(name, text)
    records = shop.land()
    assert shop.rows(records, "order_id, amount") == [("A-1", "1"), ("A-2", "2"), ("A-3", "3")]
    assert only(records).rows_quarantined == 0


def test_lists_beside_the_records_are_told(shop: Shop) -> None:
    shop.put("orders.json", json.dumps({"users": [{"id": 1}], "orders": R, "links": [{"rel": 1}]}))
    record = only(shop.land())
    assert record.rows_loaded == 3
    assert "beside the records the file holds users, links, left out" in str(record.message)


def test_a_page_without_its_list_refuses_the_file(shop: Shop) -> None:
    shop.put("orders.ndjson", lines([*PAGES, {"error": "rate limit"}]))
    assert "line 3" in str(only(shop.land()).message)
    shop.put("orders.ndjson", lines([{"orders": []}]))
    assert only(shop.land()).rows_in_file == 0


def test_what_is_no_list_of_records_is_kept(shop: Shop) -> None:
    shop.put("orders.ndjson", lines([*PAGES, {"orders": "none"}]))
    records = shop.land()
    assert only(records).rows_loaded == 3
    (aside,) = shop.quarantine(records)
    assert (aside["reason"], aside["line_number"]) == ("malformed_json", 3)


def test_an_unknown_list_within_objects_is_drafted(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    path.write_text(json.dumps({"result": {"data": [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}]}}))
    found = recognise(Source(path, path.name), None)
    assert found.exported is not None
    assert [column.name for column in found.exported.columns] == ["id", "n"]
    assert found.record.rows_loaded == 2
