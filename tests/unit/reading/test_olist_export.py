"""The public Olist data set, every row of every file."""

import csv
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.contracts import load_contract
from orchestration.lib.reading.landing import land_system
from orchestration.lib.reading.sql import quoted
from orchestration.lib.reading.views import create_raw_views

PROJECT = Path(__file__).parents[3]
OLIST = PROJECT.parent / "shared" / "data" / "olist"


@pytest.mark.shared_data
@pytest.mark.skipif(not OLIST.is_dir(), reason="the Olist files are not beside the project")
def test_every_cell_of_every_file_lands(tmp_path: Path) -> None:
    contract = load_contract(PROJECT / "orchestration" / "defs" / "raw" / "olist" / "defs.yaml")
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "olist").symlink_to(OLIST)
    raw = tmp_path / "raw"
    records = land_system(contract, tmp_path / "landing", raw, frozenset(), lambda _: None)
    assert {r.object for r in records} == {exported.name for exported in contract.objects}
    with duckdb.connect() as con:
        create_raw_views(con, contract, records, raw, None)
        for record in records:
            assert (record.status, record.rows_quarantined) == ("loaded", 0), record
            assert (record.columns_added, record.columns_missing) == ((), ())
            with (OLIST / record.file_name).open(encoding="utf-8-sig", newline="") as file:
                expected = list(csv.reader(file, strict=True))
            exported = contract.object(str(record.object))
            names = [column.name for column in exported.columns]
            header = expected.pop(0) if exported.header else names
            for position, name in enumerate(header):
                if exported.column(name).type == "boolean":  # lands as true or false
                    for row in expected:
                        row[position] = row[position].lower()
            columns = ", ".join(f"coalesce({quoted(name)}, '')" for name in header)
            view = f"raw.olist__{exported.name}"
            rows = con.execute(f"select {columns} from {view} order by _row_number").fetchall()
            assert [list(row) for row in rows] == expected, record.file_name
            assert sorted(header) == sorted(names)
            assert record.rows_loaded == len(expected)
