"""Publication: immutable versions, one commit point, fail closed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lib.publication import (
    PublicationError,
    PublicationRefusedError,
    PublishedVersion,
    TableDocumentation,
    content_hash,
    current_version,
    publish,
    read_manifest,
    rollback,
    versions,
)
from orchestration.lib.receipts import record_built, record_validated

REQUIRED = [("marts", "all")]
BUILD = """
create schema marts;
create schema audit;
create schema staging;
create table staging.stg_orders as select 1 as secret;
create table marts.fct_orders as
    select
        'o' || i as order_id,
        (i * 1.5)::decimal(18, 2) as net_revenue,
        timestamp '2026-01-01' + to_days(i::integer) as ordered_at,
        i as _row_number,
    from range(1, 1001) t(i)
    order by hash(i);
create view marts.mart_totals as
    select count(*) as count_orders, sum(net_revenue) as net_revenue
    from warehouse.marts.fct_orders;
create table audit.reconciliation as select 'order' as entity, 0 as difference;
"""
DOCUMENTATION = {
    "fct_orders": TableDocumentation(
        "One row per order.",
        {
            "order_id": "The source's key; it's \"text\".",
            "net_revenue": "Money.",
            "ordered_at": "UTC 时间",
        },
    ),
    "mart_totals": TableDocumentation("One row.", {"count_orders": "Orders."}),
    "stg_orders": TableDocumentation("Not published."),
}
KEYS = {"fct_orders": ["order_id"], "stg_orders": ["secret"]}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    folder = tmp_path / "builds" / "b1"
    folder.mkdir(parents=True)
    database = folder / "warehouse.duckdb"
    with duckdb.connect(database) as con:
        con.execute(BUILD)
    record_validated(folder, "marts", "all", passed=True, tables=["fct_orders"])
    return database


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / "published"


def publish_build(build: Path, published: Path, version: str, **changes: Any) -> PublishedVersion:
    arguments: dict[str, Any] = {
        "required": REQUIRED,
        "manifest": {"as_of": "2026-06-01"},
        "documentation": DOCUMENTATION,
        "keys": KEYS,
        "keep": 3,
    }
    return publish(build, published, version=version, **{**arguments, **changes})


def query(published: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(published / "current" / "customer_marts.duckdb", read_only=True) as con:
        return con.execute(sql).fetchall()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def change_build(build: Path, sql: str) -> None:
    with duckdb.connect(build) as con:
        con.execute(sql)


def test_a_version_holds_marts_audit_parquet_and_manifest(build: Path, published: Path) -> None:
    result = publish_build(build, published, "1")
    assert names(published) == ["current", "v=1"]
    assert names(published / "current") == [
        "customer_marts.duckdb",
        "fct_orders.parquet",
        "manifest.json",
        "mart_totals.parquet",
    ]
    assert (published / "current").readlink() == Path("v=1")
    assert query(published, "select * from marts.mart_totals") == [(1000, 750750)]
    assert query(published, "select * from audit.reconciliation") == [("order", 0)]
    assert query(
        published,
        "select distinct table_schema from information_schema.tables order by 1",
    ) == [("audit",), ("marts",)]
    parquet = published / "current" / "fct_orders.parquet"
    assert (
        query(
            published,
            f"(from read_parquet('{parquet}') except all from marts.fct_orders) union all "
            f"(from marts.fct_orders except all from read_parquet('{parquet}'))",
        )
        == []
    )
    assert [(table.name, table.row_count) for table in result.tables] == [
        ("fct_orders", 1000),
        ("mart_totals", 1),
    ]
    assert [table.name for table in result.audit_tables] == ["reconciliation"]


def test_the_manifest_says_what_is_in_the_version(build: Path, published: Path) -> None:
    result = publish_build(build, published, "1", manifest={"as_of": "2026-06-01", "gates": ["客"]})
    manifest = read_manifest(published)
    assert manifest == {
        "version": "1",
        "sequence": 1,
        "as_of": "2026-06-01",
        "gates": ["客"],
        "tables": [
            {
                "name": table.name,
                "row_count": table.row_count,
                "content_hash": table.content_hash,
            }
            for table in result.tables
        ],
        "csv_files": {},
        "audit_tables": [
            {
                "name": "reconciliation",
                "row_count": 1,
                "content_hash": result.audit_tables[0].content_hash,
            }
        ],
    }
    assert read_manifest(published, "1") == manifest


def test_views_become_tables_and_plumbing_stays_behind(build: Path, published: Path) -> None:
    publish_build(build, published, "1")
    assert query(published, "select count(*) from duckdb_views() where not internal") == [(0,)]
    assert query(published, "select column_name from (describe marts.fct_orders)") == [
        ("order_id",),
        ("net_revenue",),
        ("ordered_at",),
    ]


def test_tables_and_columns_carry_comments(build: Path, published: Path) -> None:
    result = publish_build(build, published, "1")
    assert query(
        published, "select comment from duckdb_tables() where table_name = 'fct_orders'"
    ) == [("One row per order.",)]
    assert query(
        published,
        "select column_name, comment from duckdb_columns() "
        "where table_name = 'fct_orders' order by column_index",
    ) == list(DOCUMENTATION["fct_orders"].columns.items())
    assert result.undocumented == (
        "marts.mart_totals.net_revenue",
        "audit.reconciliation",
        "audit.reconciliation.entity",
        "audit.reconciliation.difference",
    )


def test_rows_lie_in_the_order_of_the_key(build: Path, published: Path) -> None:
    publish_build(build, published, "1")
    stored = [row[0] for row in query(published, "select order_id from marts.fct_orders")]
    assert stored == sorted(stored)


def test_files_are_read_only_and_complete_by_themselves(build: Path, published: Path) -> None:
    result = publish_build(build, published, "1")
    assert {path.stat().st_mode & 0o777 for path in result.path.iterdir()} == {0o444}
    assert [path for path in published.rglob("*") if path.suffix == ".wal"] == []


def test_equal_content_gives_equal_files_whatever_the_order_of_rows(
    build: Path, published: Path
) -> None:
    first = publish_build(build, published, "1")
    change_build(
        build,
        "create or replace table marts.fct_orders as from marts.fct_orders order by hash(order_id)",
    )
    second = publish_build(build, published, "2")
    assert second.tables == first.tables
    for name in ("fct_orders.parquet", "mart_totals.parquet"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


def test_one_changed_cell_changes_one_hash(build: Path, published: Path) -> None:
    first = publish_build(build, published, "1")
    change_build(
        build,
        "update marts.fct_orders set ordered_at = ordered_at + interval 1 second "
        "where order_id = 'o500'",
    )
    second = publish_build(build, published, "2")
    changed = {
        before.name: before.content_hash != after.content_hash
        for before, after in zip(first.tables, second.tables, strict=True)
    }
    assert changed == {"fct_orders": True, "mart_totals": False}


def test_the_file_has_the_storage_version_that_older_drivers_read(
    build: Path, published: Path
) -> None:
    publish_build(build, published, "1")
    ((tags,),) = query(published, "select tags from duckdb_databases() where not internal")
    assert tags["storage_version"] == "v1.4.0+"


# Refusals: nothing may change


@pytest.fixture
def snapshot(build: Path, published: Path) -> dict[str, bytes]:
    """Publish a first version and return every file that it has."""
    publish_build(build, published, "1")
    return read_tree(published)


def read_tree(published: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(published)): path.read_bytes()
        for path in sorted(published.rglob("*"))
        if path.is_file()
    }


def test_a_failed_gate_refuses_publication(
    build: Path, published: Path, snapshot: dict[str, bytes]
) -> None:
    record_validated(
        build.parent, "marts", "all", passed=False, tables=["fct_orders"], failures=["2 < 3 rows"]
    )
    with pytest.raises(PublicationRefusedError, match="2 < 3 rows") as refused:
        publish_build(build, published, "2")
    assert refused.value.objections == ("The marts gate failed: 2 < 3 rows",)
    assert read_tree(published) == snapshot


def test_a_stale_gate_refuses_publication(
    build: Path, published: Path, snapshot: dict[str, bytes]
) -> None:
    record_built(build.parent, "staging", "olist")
    with pytest.raises(PublicationRefusedError, match="staging of olist was rebuilt"):
        publish_build(build, published, "2")
    assert read_tree(published) == snapshot


@pytest.mark.parametrize("required", [[], [("identity", "all")]])
def test_a_missing_gate_refuses_publication(
    build: Path, published: Path, required: Sequence[tuple[str, str]]
) -> None:
    with pytest.raises(PublicationRefusedError):
        publish_build(build, published, "1", required=required)
    assert not published.exists()


def test_a_version_is_never_written_again(
    build: Path, published: Path, snapshot: dict[str, bytes]
) -> None:
    with pytest.raises(PublicationError, match="versions never change"):
        publish_build(build, published, "1")
    assert read_tree(published) == snapshot


def test_a_failure_half_way_leaves_nothing_behind(
    build: Path, published: Path, snapshot: dict[str, bytes]
) -> None:
    change_build(
        build,
        "create view marts.zz_broken as select error('broken model') as a from marts.fct_orders",
    )
    with pytest.raises(PublicationError, match=r"marts\.zz_broken .* broken model"):
        publish_build(build, published, "2")
    assert read_tree(published) == snapshot
    assert names(published) == ["current", "v=1"]


def test_a_build_without_marts_is_refused(build: Path, published: Path) -> None:
    change_build(build, "drop schema marts cascade")
    with pytest.raises(PublicationError, match="no table in schema marts"):
        publish_build(build, published, "1")


def test_a_build_that_is_open_elsewhere_is_refused(build: Path, published: Path) -> None:
    with (
        duckdb.connect(build),
        pytest.raises(PublicationError, match="Close every other handle"),
    ):
        publish_build(build, published, "1")


def test_a_key_must_name_columns(build: Path, published: Path) -> None:
    with pytest.raises(PublicationError, match=r"marts\.fct_orders has no column order_key"):
        publish_build(build, published, "1", keys={"fct_orders": ["order_key"]})


def test_a_name_in_both_schemas_is_refused(build: Path, published: Path) -> None:
    change_build(build, "create table audit.fct_orders as select 1 as a")
    with pytest.raises(PublicationError, match="fct_orders exists in both schemas"):
        publish_build(build, published, "1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "../1"}, "name of a folder"),
        ({"keep": 1}, "at least 2"),
        ({"manifest": {"tables": []}}, "must not set tables"),
        ({"manifest": {"rate": float("nan")}}, "JSON"),
    ],
)
def test_bad_arguments_are_refused_before_anything_happens(
    build: Path, published: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        publish_build(build, published, **{"version": "1", **changes})
    assert not published.exists()


def test_a_folder_in_the_place_of_the_link_is_left_alone(build: Path, published: Path) -> None:
    (published / "current").mkdir(parents=True)
    with pytest.raises(PublicationError, match="not a link"):
        publish_build(build, published, "1")
    assert names(published) == ["current"]


def test_leftovers_of_killed_runs_are_removed(build: Path, published: Path) -> None:
    (published / ".tmp-0").mkdir(parents=True)
    (published / ".tmp-0" / "customer_marts.duckdb").write_bytes(b"half")
    (published / ".tmp-current").symlink_to("v=0")
    publish_build(build, published, "1")
    assert names(published) == ["current", "v=1"]


# Versions


def test_nothing_is_published_at_first(published: Path) -> None:
    assert versions(published) == []
    assert current_version(published) is None
    with pytest.raises(PublicationError, match="crm-warehouse run"):
        read_manifest(published)
    with pytest.raises(PublicationError, match="No version exists"):
        rollback(published, "1")


def test_versions_are_listed_newest_first_whatever_their_names(
    build: Path, published: Path
) -> None:
    for version in ("z", "a", "m"):
        publish_build(build, published, version)
    assert [(info.version, info.is_current) for info in versions(published)] == [
        ("m", True),
        ("a", False),
        ("z", False),
    ]


def test_the_newest_are_kept(build: Path, published: Path) -> None:
    removed = [publish_build(build, published, f"{n}", keep=2).removed for n in range(1, 5)]
    assert removed == [(), (), ("1",), ("2",)]
    assert names(published) == ["current", "v=3", "v=4"]


def test_rollback_and_the_way_back(build: Path, published: Path) -> None:
    publish_build(build, published, "1")
    change_build(build, "delete from marts.fct_orders where order_id <> 'o1'")
    publish_build(build, published, "2")
    count = "select count(*) from marts.fct_orders"
    assert query(published, count) == [(1,)]

    assert rollback(published, "1").version == "1"
    assert query(published, count) == [(1000,)]
    assert read_manifest(published)["version"] == current_version(published) == "1"
    rollback(published, "2")
    assert query(published, count) == [(1,)]


def test_publishing_after_a_rollback_takes_the_lead(build: Path, published: Path) -> None:
    for version in ("1", "2", "3"):
        publish_build(build, published, version)
    rollback(published, "1")
    result = publish_build(build, published, "4", keep=2)
    assert current_version(published) == "4"
    assert result.removed == ("2", "1")
    assert [info.manifest["sequence"] for info in versions(published)] == [4, 3]


def test_rollback_names_the_choice(build: Path, published: Path) -> None:
    publish_build(build, published, "1")
    with pytest.raises(PublicationError, match=r"Version 9 does not exist.*Choose from: 1\."):
        rollback(published, "9")
    assert current_version(published) == "1"


def test_rollback_to_a_damaged_version_is_refused(build: Path, published: Path) -> None:
    first = publish_build(build, published, "1")
    publish_build(build, published, "2")
    database = first.path / "customer_marts.duckdb"
    database.chmod(0o644)
    database.write_bytes(b"damaged" * 10_000)
    with pytest.raises(PublicationError, match="does not open"):
        rollback(published, "1")
    assert current_version(published) == "2"


def test_a_changed_manifest_is_named(build: Path, published: Path) -> None:
    first = publish_build(build, published, "1")
    manifest = first.path / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text(json.dumps({"version": "2", "sequence": 1}))
    with pytest.raises(PublicationError, match=r"not the manifest of version 1.*version 2"):
        versions(published)


def test_a_reader_keeps_the_version_that_it_opened(build: Path, published: Path) -> None:
    publish_build(build, published, "1")
    with duckdb.connect(published / "current" / "customer_marts.duckdb", read_only=True) as reader:
        change_build(build, "delete from marts.fct_orders")
        for version in ("2", "3", "4"):
            publish_build(build, published, version, keep=2)
        assert not (published / "v=1").exists()
        row = reader.execute("select sum(net_revenue) from marts.fct_orders").fetchone()
    assert row == (750750,)


# The content hash


ROWS = [
    (1, "a", 1.5, True),
    (2, None, None, None),
    (3, "", 0.0, False),
    (4, "NULL", -1.0, None),
    (5, "客户 ☃", 1e300, True),
    (5, "客户 ☃", 1e300, True),
]


def hash_of(rows: Sequence[tuple[Any, ...]], types: str = "i int, t text, d double, b bool") -> str:
    with duckdb.connect() as con:
        con.execute(f"create table t ({types})")
        con.executemany(f"insert into t values ({', '.join('?' * len(rows[0]))})", rows)
        return content_hash(con, "t", ["i"])


def test_the_hash_does_not_depend_on_the_order_of_rows() -> None:
    assert hash_of(ROWS) == hash_of(ROWS[::-1]) == hash_of(ROWS[3:] + ROWS[:3])


def test_the_hash_counts_repeated_rows() -> None:
    assert hash_of(ROWS) != hash_of(ROWS[:-1])


@pytest.mark.parametrize(
    "changed",
    [
        (3, None, 0.0, False),
        (3, "NULL", 0.0, False),
        (3, " ", 0.0, False),
        (3, "", None, False),
        (3, "", 5e-324, False),
        (3, "", 0.0, None),
        (3, "", 0.0, True),
        (0, "", 0.0, False),
    ],
)
def test_any_changed_cell_changes_the_hash(changed: tuple[Any, ...]) -> None:
    assert hash_of(ROWS) != hash_of([changed if row[0] == 3 else row for row in ROWS])


def test_values_do_not_run_into_their_neighbours() -> None:
    types = "i text, t text"
    assert (
        len(
            {
                hash_of([("ab", "c")], types),
                hash_of([("a", "bc")], types),
                hash_of([("abc", "")], types),
                hash_of([("abc", None)], types),
                hash_of([(None, "abc")], types),
                hash_of([("ab", "c"), (None, None)], types),
            }
        )
        == 6
    )
    one = "i text"
    assert hash_of([("ab",), ("c",)], one) != hash_of([("a",), ("bc",)], one)


def test_names_and_types_are_part_of_the_hash() -> None:
    assert len({hash_of([(1,)], types) for types in ("i int", "i bigint")}) == 2
    assert len({hash_of([(1, 1)], types) for types in ("i int, a int", "i int, b int")}) == 2


WIDE = """
select
    i::integer as i,
    case when i % 3 > 0 then 'text ' || md5(i::varchar) end as text,
    case when i % 5 > 0 then (i / 7)::double end as double,
    (i * 1.25)::decimal(38, 4) as decimal,
    (i % 100)::decimal(4, 1) as small_decimal,
    i % 2 = 0 as boolean,
    date '2026-01-01' + i::integer as date,
    timestamp '2026-01-01' + to_seconds(i) as timestamp,
    timestamptz '2026-01-01 00:00:00+00' + to_seconds(i) as timestamptz,
    time '00:00:00' + to_seconds(i) as time,
    [i::decimal(9, 2), null] as list,
    {'a': i, 'b': 'x'} as struct,
    i::hugeint as hugeint,
    md5(i::varchar)::uuid as uuid,
    to_json([i]) as json,
    (i % 2)::varchar::enum ('0', '1') as enum,
    null::integer as nothing,
    '' as empty
from range(125_000) t(i)
"""
WIDE_HASH = "934c2d0ddbd554c250a4eb200a85ad4d35bf72c5ce9a53ed69e086f789d98fc0"


def test_the_hash_does_not_depend_on_threads_storage_or_session(tmp_path: Path) -> None:
    """The literal is the promise that a later release gives the same hash.

    The rows are more than fit into one batch.
    """
    found = set()
    for number, (threads, zone, order) in enumerate(
        [(1, "UTC", "i"), (4, "Asia/Shanghai", "text"), (2, "UTC", "i desc")]
    ):
        database = tmp_path / f"{number}.duckdb"
        with duckdb.connect(database, config={"threads": threads}) as con:
            con.execute(f"set TimeZone = '{zone}'")
            con.execute(f"create table t as from ({WIDE}) order by {order}")
            found.add(content_hash(con, "t", ["i"] if number else []))
    with duckdb.connect() as con:
        found.add(content_hash(con, f"({WIDE})"))
    assert found == {WIDE_HASH}


def test_an_empty_table_has_a_hash_of_its_own() -> None:
    with duckdb.connect() as con:
        con.execute("create table t (a int, b text)")
        con.execute("create table u (a int)")
        assert content_hash(con, "t") != content_hash(con, "u")


def test_the_care_calendar_is_published_as_csv_too(build: Path, published: Path) -> None:
    """In the version's folder, so that who follows `current` never sees half a file."""
    with duckdb.connect(build) as con:
        con.execute(
            "create table marts.mart_care_calendar as from (values "
            "(date '2026-11-03', 'birthday', '刘薇, \"Vivi\"', null), "
            "(date '2026-11-02', 'survey', 'Ann', true)) t(due_date, care_type, customer_name, x)"
        )
    record_validated(
        build.parent, "marts", "all", passed=True, tables=["fct_orders", "mart_care_calendar"]
    )
    keys = {**KEYS, "mart_care_calendar": ["due_date", "care_type"]}
    publish_build(build, published, "v1", keys=keys)
    assert (published / "current/care_calendar.csv").read_text(encoding="utf-8") == (
        "due_date,care_type,customer_name,x\n"
        "2026-11-02,survey,Ann,true\n"
        '2026-11-03,birthday,"刘薇, ""Vivi""",\n'
    )
    assert read_manifest(published)["csv_files"] == {"mart_care_calendar": "care_calendar.csv"}
