"""Every gate stops what it is there for: at its step, with nothing published, and says why."""

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.lib.receipts import read_receipts
from tests.integration.deliveries import (
    as_csv,
    builds,
    changed,
    copy_of,
    deliver,
    exported_rows,
    fingerprint,
)
from tests.running import Run, crm_warehouse

ORDERS = "canonical/orders_2026-11-02.csv"
LINES = "canonical/order_lines_2026-11-02.csv"
SEND_AGAIN = "Correct the export at the source, put the new file into landing"
CORRECT = "What to do: Correct the rows in the source system or the export, replace the file"

RAW = [("built", "raw"), ("validated", "raw")]
STAGING = [*RAW, ("built", "staging"), ("validated", "staging")]


@dataclass(frozen=True)
class BadDelivery:
    """A file that must not get through: how it is made, what happens until it stops, what is said.

    Each of `says` is a regular expression that one line of the message matches.
    """

    name: str
    file: str
    content: Callable[[Path], bytes]
    steps: list[tuple[str, str]]
    says: tuple[str, ...]


def duplicate_keys(exports: Path) -> bytes:
    rows = exported_rows(exports, "orders")[:50]
    return as_csv([*rows, *(row | {"net_revenue": "1.00"} for row in rows[:2])])


def renamed_column(exports: Path) -> bytes:
    rows = exported_rows(exports, "orders")
    return as_csv(rows, renamed=("net_revenue", "nett_revenue"))


def wrong_type(exports: Path) -> bytes:
    return as_csv(changed(exported_rows(exports, "orders")[:50], 2, net_revenue="12,x"))


def unknown_customer(exports: Path) -> bytes:
    return as_csv(changed(exported_rows(exports, "orders")[:20], 4, customer_id="C9999999"))


def negative_amount(exports: Path) -> bytes:
    return as_csv(changed(exported_rows(exports, "orders")[:20], 4, discount_amount="-5.00"))


def second_currency(exports: Path) -> bytes:
    return as_csv(changed(exported_rows(exports, "orders")[:20], 4, currency_code="EUR"))


def lines_off_their_order(exports: Path) -> bytes:
    first = exported_rows(exports, "order_lines")[:1]
    return as_csv(changed(first, 0, net_revenue="0.01"))


def empty(exports: Path) -> bytes:
    return b""


def cut_off(exports: Path) -> bytes:
    content = as_csv(exported_rows(exports, "orders")[:9])
    return content[: content.rindex(b",delivered,")]  # in the middle of line 10


def cut_off_gzip(exports: Path) -> bytes:
    packed = gzip.compress(as_csv(exported_rows(exports, "orders")))
    return packed[: len(packed) // 2]


BAD_DELIVERIES = [
    BadDelivery(
        "duplicate keys",
        ORDERS,
        duplicate_keys,
        RAW,
        (
            r"file_name = 'orders_2026-11-02.csv'.* line_number = 2, column_name = 'order_id'.*"
            r"reason = 'duplicate_key'",
            SEND_AGAIN,
        ),
    ),
    BadDelivery(
        "required column renamed",
        ORDERS,
        renamed_column,
        RAW,
        (
            r"file_name = 'orders_2026-11-02.csv'.*'line 1: required column net_revenue is missing",
            r"if 'nett_revenue' is that column, add it to the aliases of orders.net_revenue",
        ),
    ),
    BadDelivery(
        "wrong type",
        ORDERS,
        wrong_type,
        RAW,
        (
            r"file_name = 'orders_2026-11-02.csv'.* line_number = 4, column_name = 'net_revenue', "
            r"value = '12,x', reason = 'bad_type'",
            SEND_AGAIN,
        ),
    ),
    BadDelivery(
        "empty file",
        ORDERS,
        empty,
        RAW,
        (r"file_name = 'orders_2026-11-02.csv'.*'the file is empty.*export it again", SEND_AGAIN),
    ),
    BadDelivery(
        "cut off",
        ORDERS,
        cut_off,
        RAW,
        (
            r"file_name = 'orders_2026-11-02.csv'.* line_number = 10, .*reason = 'cut_off', "
            r"message = 'the last record has 3 of 16 cells and no line end'",
            SEND_AGAIN,
        ),
    ),
    BadDelivery(
        "cut off gzip",
        ORDERS + ".gz",
        cut_off_gzip,
        RAW,
        (r"file_name = 'orders_2026-11-02.csv.gz'.*'cannot be unpacked.*copy it to landing again",),
    ),
    BadDelivery(
        "orphan reference",
        ORDERS,
        unknown_customer,
        STAGING,
        (
            r"customer_id is not found in staging.stg_canonical__customers",
            r"customer_id = 'C9999999', _file_name = 'orders_2026-11-02.csv', _row_number = 5, "
            r"_line_number = 6",
            CORRECT,
        ),
    ),
    BadDelivery(
        "negative amount",
        ORDERS,
        negative_amount,
        STAGING,
        (
            r"discount_amount = '-5.0000', _file_name = 'orders_2026-11-02.csv', _row_number = 5, "
            r"_line_number = 6",
            CORRECT,
        ),
    ),
    BadDelivery(
        "several currencies",
        ORDERS,
        second_currency,
        STAGING,
        (
            r"currency_code = 'EUR'.* _file_name = 'orders_2026-11-02.csv', _row_number = 5, "
            r"_line_number = 6",
            r"What to do: Convert the amounts before the export",
        ),
    ),
    BadDelivery(
        "lines off their order",
        LINES,
        lines_off_their_order,
        STAGING,
        (
            r"The value of an order is the sum of its lines",
            r"_file_name = 'orders_2026-10-30.csv'.* newest_file_name = "
            r"'order_lines_2026-11-02.csv', newest_row_number = 1, newest_line_number = 2",
            CORRECT,
        ),
    ),
]


def stop(home: Path, landing: Path, *arguments: str) -> tuple[Run, list[tuple[str, str, str]]]:
    """Run what must be stopped; prove that readers and the last good warehouse saw nothing of it.

    Returns what was printed and the receipts of the build: event, layer, scope.
    """
    published = fingerprint(home / "published")
    warehouse = (home / "warehouse.duckdb").read_bytes()
    earlier = builds(home)

    run = crm_warehouse("run", "--home", home, "--landing", landing, *arguments)

    assert run.exit_code == 2, run.stderr
    assert fingerprint(home / "published") == published
    assert (home / "warehouse.duckdb").read_bytes() == warehouse
    (build,) = builds(home) - earlier
    assert [path.name for path in build.iterdir()] == ["receipts.jsonl"]
    assert "Nothing was published." in run.stderr
    assert "Readers keep version" in run.stderr
    return run, [(receipt.event, receipt.layer, receipt.scope) for receipt in read_receipts(build)]


@pytest.mark.parametrize("bad", BAD_DELIVERIES, ids=lambda bad: bad.name.replace(" ", "_"))
def test_a_bad_file_is_stopped_by_its_gate(
    bad: BadDelivery, small_home: Path, tmp_path: Path
) -> None:
    home = copy_of(small_home, tmp_path / "home")
    deliver(tmp_path / "landing", bad.file, bad.content(small_home / "landing"))

    run, receipts = stop(home, tmp_path / "landing")

    assert receipts == [(event, layer, "canonical") for event, layer in bad.steps]
    _, layer = bad.steps[-1]
    assert f"Stopped by the gate behind {layer} of canonical." in run.stderr
    for words in bad.says:
        assert re.search(words, run.stderr), f"{words!r} is not in:\n{run.stderr}"


def test_missing_files_of_one_system_hold_back_its_own_steps_and_the_publication(
    small_home: Path, tmp_path: Path
) -> None:
    home, landing = copy_of(small_home, tmp_path / "home"), tmp_path / "landing"
    orders = changed(exported_rows(small_home / "landing", "orders")[:20], 0, channel="store")
    deliver(landing, ORDERS, as_csv(orders))
    deliver(
        landing,
        "olist/olist_customers_dataset.csv",
        b"customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n"
        b"c1,u1,01310,sao paulo,SP\n",
    )

    run, receipts = stop(home, landing, "--systems", "canonical,olist")

    ran = {(layer, scope) for event, layer, scope in receipts if event == "built"}
    assert ran == {("raw", "canonical"), ("staging", "canonical"), ("raw", "olist")}
    assert ("validated", "staging", "canonical") in receipts
    assert "Stopped by the gate behind raw of olist." in run.stderr
    assert "Stopped by the gate behind staging of canonical." not in run.stderr
    for missing in ("orders", "order_items", "order_payments", "order_reviews", "products"):
        assert f"object = '{missing}'" in run.stderr
    assert "object = 'customers'" not in run.stderr
    assert "Export the objects listed and put them into landing/olist/." in run.stderr
