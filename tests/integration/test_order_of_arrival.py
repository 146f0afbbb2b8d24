"""Order does not matter: files that arrive in any order, in any number of runs, end the same.

Full and delta exports, files that come late, are sent again, overlap others or correct old rows, in
random orders with fixed seeds. All pipeline runs of this module are on homes of 80 customers.
"""

import csv
import datetime as dt
import itertools
import random
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lib import project
from orchestration.lib.reading.landing import land_system
from orchestration.lib.reading.views import create_raw_views
from samples import write_exports
from tests.integration.deliveries import as_csv, deliver, exported_rows, mart_hashes
from tests.running import TEST_DATA, crm_warehouse, published
from tests.staging_layer import stage

LAST = dt.date(2026, 11, 1)
CONTACTS = "hubspot-crm-exports-all-contacts"
CORRECTED = "corrected_channel"
NEEDED = {f"{name}_2026-10-30.csv" for name in ("customers", "orders", "order_lines")}
DELETED = "2026-11-01_235930.csv"  # of the files that say "deleted"


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of changes behind a full export, and seven files that nobody planned.

    One corrects old orders, one moves customers, one repeats rows of other files, one is a late
    export of an old state, one is a file sent again under a later day. Two say that the customer of
    the first order and the last order of somebody else are deleted, and hold nothing but keys.
    """
    out = tmp_path_factory.mktemp("arrival") / "exports"
    write_exports(out, customers=80, seed=5, as_of=LAST, days_of_deltas=2, report=lambda _: None)
    rows = exported_rows(out, "orders")
    correction = {"channel": CORRECTED, "updated_at": "2026-11-01 22:00:00"}
    moved = {"street": "1 New Street", "city": "Reno", "updated_at": "2026-10-31 09:30:00"}
    outdated = {"channel": "outdated", "updated_at": "2019-01-01 00:00:00"}
    deliver(
        out, "canonical/orders_2026-11-01_230000.csv", as_csv([r | correction for r in rows[:9]])
    )
    deliver(out, "canonical/orders_2026-10-31_120000.csv", as_csv(rows[5:60]))
    deliver(out, "canonical/orders_2026-10-29.csv", as_csv([r | outdated for r in rows[40:80]]))
    full = min((out / "canonical").glob("customers_[0-9]*"))
    movers = [r | moved for r in exported_rows(out, "customers")[:30]]
    deliver(out, "canonical/customers_2026-10-31_180000.csv", as_csv(movers))
    shutil.copy(full, out / "canonical/customers_2026-11-01_235900.csv")
    customer = rows[0]["customer_id"]
    order = next(row["order_id"] for row in rows[::-1] if row["customer_id"] != customer)
    gone = {"customer_id": customer, "is_deleted": "true"}
    deliver(out, f"canonical/customers_{DELETED}", as_csv([gone]))
    gone = {"order_id": order, "customer_id": "", "ordered_at": "", "net_revenue": ""}
    deliver(out, f"canonical/orders_{DELETED}", as_csv([gone | {"is_deleted": "true"}]))
    return out


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def split(files: list[Path], seed: int, parts: int) -> list[list[Path]]:
    """Shuffle files and cut them into parts, none of them empty."""
    chance = random.Random(seed)
    shuffled = chance.sample(files, len(files))
    cuts = [0, *sorted(chance.sample(range(1, len(files)), parts - 1)), len(files)]
    return [shuffled[start:end] for start, end in itertools.pairwise(cuts)]


def needed_first(files: list[Path]) -> list[list[Path]]:
    """Cut files into those of a first run, the least there must be, and all others.

    With the least comes, at random, half of what changes it later.
    """
    least = [path for path in files if path.name in NEEDED]
    of_these = ("customers_2026", "orders_2026")
    later = [path for path in files if path.name.startswith(of_these) and path not in least]
    first = [*least, *random.Random(11).sample(later, len(later) // 2)]
    return [first, [path for path in files if path not in first]]


@pytest.fixture(scope="module")
def homes(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same files published in order at once, and in two runs, landing emptied in between."""
    files = files_in(exports / "canonical")
    folder = tmp_path_factory.mktemp("arrived")
    arrivals = {"in order": [files], "late": needed_first(files)}
    for name, runs in arrivals.items():
        for arriving in runs:
            landing = folder / name / "landing/canonical"
            shutil.rmtree(landing, ignore_errors=True)  # what is published counts without its files
            landing.mkdir(parents=True)
            for path in arriving:
                shutil.copy(path, landing)
            run = crm_warehouse("run", "--home", folder / name)
            assert run.exit_code == 0, run.stderr
    return {name: folder / name for name in arrivals}


def test_files_that_arrive_late_and_out_of_order_publish_the_same(homes: dict[str, Path]) -> None:
    assert mart_hashes(homes["late"]) == mart_hashes(homes["in order"])
    with published(homes["late"]) as con:
        channels = con.execute(
            "select count(*) filter (where channel = $1), "
            "count(*) filter (where channel = 'outdated') from marts.fct_orders",
            [CORRECTED],
        ).fetchone()
    assert channels == (9, 0), "the correction holds, the late export of an old state does not"


def test_optional_objects_may_come_later(homes: dict[str, Path]) -> None:
    first = min((homes["late"] / "published").glob("v=*"))
    with duckdb.connect(str(first / "customer_marts.duckdb"), read_only=True) as con:
        assert con.execute("select count(*) from marts.fct_survey_responses").fetchone() == (0,)
        assert con.execute("select count(*) > 0 from marts.mart_customer_ltv").fetchone() == (True,)


def test_deleted_customers_and_orders_leave_without_stopping_the_run(
    exports: Path, homes: dict[str, Path]
) -> None:
    """A delta that says "deleted" holds nothing but keys; references to the deleted rows stand.

    Before, the staging gate took the orders of a deleted customer for orphans and stopped.
    """

    def told(name: str) -> list[dict[str, str]]:
        with (exports / "canonical" / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    ((customer, _),) = (row.values() for row in told(f"customers_{DELETED}"))
    ((order, *_),) = (row.values() for row in told(f"orders_{DELETED}"))
    rows = told("orders_2026-10-30.csv")
    own = [row["order_id"] for row in rows if row["customer_id"] == customer]

    with published(homes["in order"]) as con:
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


def test_the_history_of_a_customer_is_what_the_files_say(
    exports: Path, homes: dict[str, Path]
) -> None:
    """Addresses and their intervals, walked file by file in Python, of customers of one record."""
    # Who is deleted has no history.
    files = set((exports / "canonical").glob("customers_[0-9]*.csv"))
    customers = sorted(files - {exports / f"canonical/customers_{DELETED}"}, key=exported_at)
    sent_once = {path.read_text("utf-8"): path for path in reversed(customers)}
    rows = [
        (exported_at(path), row["updated_at"], number, row)
        for text, path in sent_once.items()
        for number, row in enumerate(csv.DictReader(text.splitlines()))
    ]
    expected: dict[str, list[tuple[str, dt.datetime]]] = {}
    previous: dict[str, str] = {}
    for exported, changed, _, row in sorted(rows, key=lambda entry: entry[:3]):
        record, place = row["customer_id"], f"{row['street']}|{row['city']}"
        states = expected.setdefault(record, [])
        is_news = changed > previous.get(record, "") and dt.datetime.fromisoformat(
            changed
        ) < exported + dt.timedelta(days=1)
        previous[record] = changed
        if not states:
            states.append((place, dt.datetime.fromisoformat(row["created_at"])))
        elif place != states[-1][0]:
            since = dt.datetime.fromisoformat(changed) if is_news else exported
            states.append((place, max(since, states[-1][1])))

    with published(homes["late"]) as con:
        found = con.execute(
            """
            select source_record_id, list((street || '|' || city, valid_from) order by valid_from)
            from marts.dim_customers_history
            inner join marts.customer_identities using (customer_key)
            where count_customer_records = 1 and (
                version_number = 1 or contains(changed_attributes, 'address')
            )
            group by source_record_id
            """
        ).fetchall()
    assert len(found) > 60
    assert dict(found) == {record: expected[record] for record, _ in found}
    assert sum(len(states) > 1 for _, states in found) > 20, "nobody moved"


def exported_at(path: Path) -> dt.datetime:
    """Read the export time off the name of a file."""
    day, _, clock = path.stem.partition("_")[2].partition("_")
    return dt.datetime.strptime(day + (clock or "000000"), "%Y-%m-%d%H%M%S")


@pytest.fixture(scope="module")
def full_exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HubSpot's exports of all records, with one between the two days that came with less.

    A contact that is missing in it alone is no deletion: the last full export has it again.
    """
    folder = tmp_path_factory.mktemp("full") / "hubspot"
    shutil.copytree(TEST_DATA / "hubspot", folder)
    newest = folder / f"{CONTACTS}-2026-11-01.csv"
    header, *rows = newest.read_text("utf-8-sig").splitlines(keepends=True)
    between = folder / f"{CONTACTS}-2026-10-28.csv"
    between.write_text("".join([header, *rows[1:]]), encoding="utf-8")
    shutil.copy(folder / f"{CONTACTS}-2026-10-25.csv", folder / f"{CONTACTS}-2026-11-05.csv")
    return folder


def arrive(runs: list[list[Path]], work: Path) -> None:
    """Land the files run by run."""
    contract = project.contracts()["hubspot"]
    landing = work / "landing/hubspot"
    landing.mkdir(parents=True)
    for arriving in runs:
        for path in arriving:
            shutil.copy(path, landing)
        land_system(contract, work / "landing", work / "raw", frozenset(), lambda _: None)


def raw_rows(work: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of the raw tables, with where they come from and whether they are deleted."""
    contract = project.contracts()["hubspot"]
    records = land_system(contract, work / "landing", work / "raw", frozenset(), lambda _: None)
    with duckdb.connect() as con:
        create_raw_views(con, contract, records, work / "raw", None)
        return {
            exported.name: con.execute(
                f"from raw.hubspot__{exported.name} order by _exported_at, _content_hash, "
                "_row_number"
            ).fetchall()
            for exported in contract.objects
        }


@pytest.fixture(scope="module")
def in_order(full_exports: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The raw tables of full exports that came in order and at once."""
    work = tmp_path_factory.mktemp("in_order")
    arrive([files_in(full_exports)], work)
    return raw_rows(work)


@pytest.mark.parametrize("seed", range(8))
def test_full_exports_in_any_order_give_the_same_raw_tables(
    seed: int, full_exports: Path, in_order: dict[str, Any], tmp_path: Path
) -> None:
    arrive(split(files_in(full_exports), seed, parts=1 + seed % 4), tmp_path)

    assert raw_rows(tmp_path) == in_order
    assert sum(len(rows) for rows in in_order.values()) > 30


def test_full_exports_in_any_order_are_staged_the_same(full_exports: Path, tmp_path: Path) -> None:
    files = files_in(full_exports)
    staged: dict[str, dict[str, list[tuple[Any, ...]]]] = {}

    for name, runs in {"in order": [files], "shuffled": split(files, 23, parts=3)}.items():
        arrive(runs, tmp_path / name)
        database = stage("hubspot", tmp_path / name / "landing", tmp_path / name)
        with duckdb.connect(str(database), read_only=True) as con:
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() "
                "where table_name like 'stg_hubspot__%' union all "
                "select schema_name, view_name from duckdb_views() "
                "where view_name like 'stg_hubspot__%' order by all"
            ).fetchall()
            staged[name] = {
                table: con.execute(f"from {schema}.{table} order by all").fetchall()
                for schema, table in tables
            }

    assert staged["shuffled"] == staged["in order"]
    contacts = staged["in order"]["stg_hubspot__customers"]
    with (full_exports / f"{CONTACTS}-2026-11-01.csv").open("r", encoding="utf-8-sig") as file:
        assert 0 < len(list(csv.DictReader(file))) <= len(contacts)
