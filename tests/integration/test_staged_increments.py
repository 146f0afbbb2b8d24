"""Staged tables that are brought up to date hold what they would hold if they were made anew.

Deliveries reach one database that is kept, as a home's is, and after each of them a second one
that starts from nothing. No gates here: staging alone, over the product's own reader and dbt.
"""

import csv
import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lib import project
from orchestration.lib.dbt_project import run_dbt
from orchestration.lib.reading.landing import land_system
from orchestration.lib.reading.views import create_raw_views, write_input_files
from orchestration.lib.staged_files import (
    changed_tables,
    counts_before,
    increments,
    keep_counts,
)
from samples import write_exports
from tests.integration.deliveries import as_csv, deliver, exported_rows

LAST = dt.date(2026, 11, 1)
TABLES = ("customers", "customer_versions", "orders", "order_lines", "control_totals")
CODE = "code 1"


class Desk:
    """A landing folder with deliveries, and the staged tables made from it."""

    def __init__(
        self, work: Path, system: str = "canonical", tables: Sequence[str] = TABLES
    ) -> None:
        self.work = work
        self.system = system
        self.tables = [f"stg_{system}__{table}" for table in tables]
        self.landing = work / "landing"
        self.raw = work / "raw"

    def deliver(self, name: str, rows: list[dict[str, str]]) -> None:
        """Put a file into landing."""
        deliver(self.landing, f"{self.system}/{name}.csv", as_csv(rows))

    def stage(self, home: str, code: str = CODE) -> dict[str, list[tuple[Any, ...]]]:
        """Stage what lies in landing in the database of `home` and return the tables' rows."""
        contract = project.contracts()[self.system]
        database = self.work / home / "warehouse.duckdb"
        database.parent.mkdir(exist_ok=True)
        records = land_system(contract, self.landing, self.raw, frozenset(), lambda _: None)
        with duckdb.connect(str(database)) as con:
            create_raw_views(con, contract, records, self.raw, None)
            write_input_files(con, self.system, records)
        with increments(database, contract, None, code) as can_be_added_to:
            refresh = [] if can_be_added_to else ["--full-refresh"]
            run_dbt(["run", "--select", *self.tables, *refresh], database, [self.system])
        with duckdb.connect(str(database), read_only=True) as con:
            return {
                table: con.execute(f"from staging.{table} order by all").fetchall()
                for table in self.tables
            }

    def execute(self, home: str, statement: str) -> None:
        """Change the database of a home behind the product's back."""
        with duckdb.connect(str(self.work / home / "warehouse.duckdb")) as con:
            con.execute(statement)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full export and the changes of two days."""
    out = tmp_path_factory.mktemp("increments") / "exports"
    write_exports(out, customers=40, seed=3, as_of=LAST, days_of_deltas=2, report=lambda _: None)
    return out


def test_every_kind_of_delivery_gives_what_a_new_start_gives(exports: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    orders, lines, people = (
        exported_rows(exports, name) for name in ("orders", "order_lines", "customers")
    )
    newest = {"updated_at": "2026-11-01 22:00:00"}
    oldest = {"updated_at": "2019-01-01 00:00:00", "channel": "outdated"}

    def begin() -> None:
        desk.deliver("customers_2026-10-30", people[:-5])
        desk.deliver("orders_2026-10-30", orders[:-20])
        desk.deliver("order_lines_2026-10-30", lines)

    def new_and_corrected() -> None:
        corrected = [row | newest | {"channel": "corrected"} for row in orders[:9]]
        desk.deliver("orders_2026-11-01", orders[-20:] + corrected)
        desk.deliver("customers_2026-11-01", people[-5:])

    def late_and_out_of_order() -> None:
        """An old state of rows that have come already, and a first export of known customers."""
        desk.deliver("orders_2026-10-29", [row | oldest for row in orders[5:30]])
        desk.deliver("customers_2026-10-01", people[3:8])

    def deleted() -> None:
        gone = [row | newest | {"is_deleted": "true"} for row in orders[10:14]]
        desk.deliver("orders_2026-11-02", gone)

    def deleted_again_and_back() -> None:
        back = [row | newest | {"is_deleted": "false"} for row in orders[10:12]]
        desk.deliver("orders_2026-11-03", back)

    def taken_out_of_landing() -> None:
        (desk.landing / "canonical/orders_2026-11-01.csv").unlink()

    def replaced_under_its_name() -> None:
        renamed = [row | newest | {"channel": "replaced"} for row in orders[:3]]
        desk.deliver("orders_2026-11-02", renamed)

    def nothing() -> None:
        """Run again on the same files."""

    deliveries: list[Callable[[], None]] = [
        begin,
        new_and_corrected,
        late_and_out_of_order,
        deleted,
        deleted_again_and_back,
        taken_out_of_landing,
        replaced_under_its_name,
        nothing,
    ]
    seen = []
    for number, arrives in enumerate(deliveries):
        arrives()
        kept = desk.stage("kept")
        assert kept == desk.stage(f"new {number}"), arrives.__name__
        seen.append(kept)

    changed = [before != after for before, after in itertools.pairwise(seen)]
    assert changed == [True] * 6 + [False]


def test_only_touched_records_are_staged_again(exports: Path, tmp_path: Path) -> None:
    """A row that no new file names stays as it is, even one that was changed by hand."""
    desk = Desk(tmp_path)
    orders = exported_rows(exports, "orders")
    desk.deliver("customers_2026-10-30", exported_rows(exports, "customers"))
    desk.deliver("orders_2026-10-30", orders)
    desk.stage("home")
    desk.execute("home", "update staging.stg_canonical__orders set channel = 'by hand'")

    corrected = [row | {"updated_at": "2026-11-01 22:00:00"} for row in orders[:7]]
    desk.deliver("orders_2026-11-01", corrected)

    def by_hand(code: str) -> int:
        desk.stage("home", code)
        with duckdb.connect(str(tmp_path / "home/warehouse.duckdb")) as con:
            found = con.execute(
                "select count(*) from staging.stg_canonical__orders where channel = 'by hand'"
            ).fetchone()
        assert found is not None
        return int(found[0])

    assert by_hand(CODE) == len(orders) - 7
    assert by_hand("code 2") == 0, "other code makes every table anew"


def test_a_change_tells_what_came_and_left_since_the_gate(exports: Path, tmp_path: Path) -> None:
    """What the gate counted holds for one change: of the table that it has looked at."""
    desk, table = Desk(tmp_path), "staging.stg_canonical__orders"
    orders = exported_rows(exports, "orders")
    newest = {"updated_at": "2026-11-01 22:00:00"}
    desk.deliver("orders_2026-10-30", orders[:-4])
    desk.stage("home")

    def stage(code: str = CODE) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[int, int]]]:
        desk.stage("home", code)
        with duckdb.connect(str(tmp_path / "home/warehouse.duckdb")) as con:
            return changed_tables(con, "canonical"), counts_before(con, table)

    def rows(name: str) -> Counter[tuple[Any, ...]]:
        with duckdb.connect(str(tmp_path / "home/warehouse.duckdb")) as con:
            return Counter(con.execute(f"from {name}").fetchall())

    with duckdb.connect(str(tmp_path / "home/warehouse.duckdb")) as con:
        keep_counts(con, {table: {"rule": (0, 50)}})
    before = rows(table)
    corrected = [row | newest | {"channel": "corrected"} for row in orders[:3]]
    gone = [row | newest | {"is_deleted": "true"} for row in orders[3:5]]
    desk.deliver("orders_2026-11-01", corrected + gone + orders[-4:])
    changed, counts = stage()
    assert counts == {"rule": (0, 50)}
    came, left = (rows(name) for name in changed[table])
    assert (came.total(), left.total()) == (7, 5)
    assert rows(table) == before - left + came

    assert stage()[1] == {}, "no gate has looked since"
    with duckdb.connect(str(tmp_path / "home/warehouse.duckdb")) as con:
        keep_counts(con, {table: {"rule": (1, 52)}})
    assert stage("code 2")[0] == {}, "every table was made anew"


def test_records_of_a_vendor_are_staged_by_increments(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "loyalty", ("customers", "customer_versions", "referrals"))
    write_exports(
        tmp_path / "exports", customers=40, seed=3, as_of=LAST, systems=["loyalty"], report=print
    )
    with next((tmp_path / "exports/loyalty").rglob("members*.csv")).open(newline="") as file:
        members = list(csv.DictReader(file))
    desk.deliver("members_2026-10-30", members[:-3])
    desk.stage("kept")
    desk.execute("kept", "update staging.stg_loyalty__customers set city = 'by hand'")
    moved = [row | {"city": "moved", "updated_at": "2026-11-01 22:00:00"} for row in members[:2]]
    desk.deliver("members_2026-11-01", members[-3:] + moved)
    kept, new = desk.stage("kept"), desk.stage("new")
    assert kept["stg_loyalty__customer_versions"] == new["stg_loyalty__customer_versions"]
    assert len(new["stg_loyalty__customer_versions"]) == 4
    differing = set(kept["stg_loyalty__customers"]) ^ set(new["stg_loyalty__customers"])
    assert len(differing) == 2 * (len(members) - 5), "the others were left alone"
