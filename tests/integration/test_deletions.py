"""What a source system deletes leaves the marts, and what pointed at it stays."""

import csv
import shutil
from pathlib import Path

from tests.running import crm_warehouse, published


def test_deleted_customers_and_orders_leave_without_stopping_the_run(
    published_home: Path, sample_exports: Path, tmp_path: Path
) -> None:
    """A delta that says "deleted" holds nothing but keys; references to the deleted rows stand.

    Before, the staging gate took the orders of a deleted customer for orphans and stopped.
    """
    home = tmp_path / "home"
    shutil.copytree(published_home, home, symlinks=True)
    landing = tmp_path / "landing"
    shutil.copytree(sample_exports / "canonical", landing / "canonical")
    with (sample_exports / "canonical/orders_2026-11-01.csv").open(encoding="utf-8") as file:
        orders = list(csv.DictReader(file))
    customer = orders[0]["customer_id"]
    own = [row["order_id"] for row in orders if row["customer_id"] == customer]
    order = next(row for row in orders if row["customer_id"] != customer)["order_id"]
    _write(landing / "canonical/customers_2026-11-02.csv", "customer_id", customer)
    _write(
        landing / "canonical/orders_2026-11-02.csv",
        "order_id,customer_id,ordered_at,net_revenue",
        f"{order},,,",
    )

    run = crm_warehouse("run", "--home", home, "--landing", landing)

    assert run.exit_code == 0, run.stderr
    with published(home) as con:
        kept = con.execute(
            "select count(*), count(customer_key) from marts.fct_orders "
            "where list_contains($1, order_id)",
            [own],
        ).fetchone()
        gone = con.execute(
            "select (select count(*) from marts.fct_orders where order_id = $1), "
            "(select count(*) from marts.fct_order_lines where order_id = $1), "
            "(select count(*) from marts.customer_identities where source_record_id = $2)",
            [order, customer],
        ).fetchone()
        differences = con.execute(
            "select count(*) from audit.reconciliation where difference != 0"
        ).fetchone()
    assert kept == (len(own), 0), "orders of a deleted customer stay, as sales of nobody"
    assert gone == (0, 0, 0)
    assert differences == (0,)


def _write(path: Path, header: str, row: str) -> None:
    path.write_text(f"{header},is_deleted\n{row},true\n", encoding="utf-8")
