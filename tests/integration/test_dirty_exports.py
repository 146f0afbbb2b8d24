"""Exports as dirty as in life are read to the last cell, and what is broken is in quarantine."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.running import crm_warehouse, published


@pytest.fixture(scope="module")
def dirty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company of `published_home`, exported over four days with every kind of dirt."""
    home = tmp_path_factory.mktemp("dirty") / "home"
    landing = home / "landing"
    made = crm_warehouse("sample", "--out", landing, "--days-of-deltas", "3", "--dirt", "realistic")
    assert made.exit_code == 0, made.stderr
    run = crm_warehouse("run", "--home", home)
    assert run.exit_code == 0, run.stderr
    return home


def test_quarantine_holds_exactly_the_rows_that_were_broken(dirty_home: Path) -> None:
    truth = json.loads((dirty_home / "landing/truth/faults.json").read_text(encoding="utf-8"))
    planted: Counter[tuple[str, str]] = Counter()
    reasons = {"wrong type": "bad_type"}
    for fault in truth["faults"]:
        if fault["kind"] == "bad_rows":
            reason = reasons.get(fault["detail"], "wrong_cell_count")
            planted[Path(fault["file"]).name, reason] += fault["rows"]
    with published(dirty_home) as con:
        found = con.execute(
            """
            select file_name, reason, count(distinct row_number) from audit.quarantine
            group by all
            """
        ).fetchall()
    assert planted
    assert {(name, reason): rows for name, reason, rows in found} == dict(planted)


@pytest.mark.parametrize("table", ["fct_orders", "fct_order_lines", "fct_survey_responses"])
def test_dirty_exports_publish_what_clean_ones_do(
    table: str, dirty_home: Path, published_home: Path
) -> None:
    """Nothing in these objects was broken; keys of customers and files differ, numbers must not."""
    columns = {
        "fct_orders": "order_id, ordered_at, net_revenue, currency_code",
        "fct_order_lines": "order_id, line_number, quantity, net_revenue",
        "fct_survey_responses": "response_id, survey_type, dimension, score, responded_at",
    }[table]
    query = f"select {columns} from marts.{table} order by all"
    with published(dirty_home) as con:
        dirty = con.execute(query).fetchall()
    with published(published_home) as con:
        clean = con.execute(query).fetchall()
    assert len(clean) > 500
    assert dirty == clean
