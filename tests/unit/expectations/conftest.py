"""A small build database in which every expectation type can pass and fail."""

from pathlib import Path

import duckdb
import pytest

ORDERS = """
CREATE TABLE staging.stg_shop__orders AS
SELECT * FROM (VALUES
    ('O1', 1, 'C1', 'paid', 10.50, 0.50, 'ann@example.org', TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02', 'orders.csv', 1),
    ('O2', 1, 'C1', 'paid', 20.00, 20.0, 'bob@example.org', TIMESTAMP '2024-01-02', TIMESTAMP '2024-01-02', 'orders.csv', 2),
    ('O2', 2, 'C9', 'open', -1.00, 0.00, 'cy@example.org',  TIMESTAMP '2024-01-03', TIMESTAMP '2024-01-01', 'orders.csv', 3),
    ('X4', 1, NULL, NULL,   NULL,  1.00, NULL,              TIMESTAMP '2024-01-04', NULL,                   'late.csv',   7)
) AS t(order_id, line_number, customer_id, status, amount, tax, email, ordered_at, sent_at,
       _file_name, _row_number)
"""  # noqa: E501


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA staging")
        con.execute(ORDERS)
        con.execute(
            "CREATE TABLE staging.stg_shop__customers AS"
            " SELECT * FROM (VALUES ('C1', 1), ('C2', 1), (NULL, 2)) AS t(customer_id, line)"
        )
        con.execute(
            "CREATE TABLE staging.stg_shop__nothing AS FROM staging.stg_shop__orders WHERE FALSE"
        )
    return path
