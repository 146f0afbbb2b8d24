"""The published sample and its files, for tests that recompute the one from the other."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.integration.exported import END, read, table
from tests.running import published


@pytest.fixture(scope="module")
def marts(published_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published marts of the sample, as a BI tool opens them."""
    with published(published_home) as connection:
        yield connection


@pytest.fixture(scope="module")
def keys(marts: duckdb.DuckDBPyConnection) -> "pd.Series[str]":
    """The customer of every record of the sample."""
    return table(marts, "customer_identities").set_index("source_record_id")["customer_key"]


@pytest.fixture(scope="module")
def sales(sample_exports: Path, keys: "pd.Series[str]") -> pd.DataFrame:
    """Orders that count, with their customer and what they brought after refunds."""
    orders = read(sample_exports, "orders", "ordered_at", "promised_at", "delivered_at")
    orders["customer_key"] = orders["customer_id"].map(keys)
    orders["spend"] = orders["net_revenue"] - orders["refund_amount"].fillna(0)
    return orders[(orders["ordered_at"] < END) & (orders["order_status"] != "cancelled")]
