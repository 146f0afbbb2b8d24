"""Exports as dirty as in life are read to the last cell, and what is broken is in quarantine.

They come from an SFTP server: a run that reads from one publishes what a run on local files does.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.servers import serving
from tests.running import Run, crm_warehouse, published


class Delivery(NamedTuple):
    """Exports on a server that runs, and the home that was published from it."""

    exports: Path
    url: str
    home: Path
    run: Run


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    """The company of `published_home`, exported over four days with every kind of dirt."""
    folder = tmp_path_factory.mktemp("dirty")
    exports, home = folder / "server/exports", folder / "home"
    made = crm_warehouse("sample", "--out", exports, "--days-of-deltas", "3", "--dirt", "realistic")
    assert made.exit_code == 0, made.stderr
    with serving("sftp_server", str(folder / "server")) as port:
        url = f"sftp://exports:secret@127.0.0.1:{port}/exports"
        run = crm_warehouse("run", "--home", home, "--landing", url)
        assert run.exit_code == 0, run.stderr
        yield Delivery(exports, url, home, run)


def test_a_run_on_a_server_shows_no_password_and_knows_when_nothing_is_new(dirty: Delivery) -> None:
    again = crm_warehouse("run", "--home", dirty.home, "--landing", dirty.url)
    assert again.exit_code == 0
    assert "Nothing is new" in again.stdout
    for run in (dirty.run, again):
        assert "secret" not in run.stdout + run.stderr


def test_quarantine_holds_exactly_the_rows_that_were_broken(dirty: Delivery) -> None:
    truth = json.loads((dirty.exports / "truth/faults.json").read_text(encoding="utf-8"))
    planted: Counter[tuple[str, str]] = Counter()
    reasons = {"wrong type": "bad_type"}
    for fault in truth["faults"]:
        if fault["kind"] == "bad_rows":
            reason = reasons.get(fault["detail"], "wrong_cell_count")
            planted[Path(fault["file"]).name, reason] += fault["rows"]
    with published(dirty.home) as con:
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
    table: str, dirty: Delivery, published_home: Path
) -> None:
    """Nothing in these objects was broken; keys of customers and files differ, numbers must not."""
    columns = {
        "fct_orders": "order_id, ordered_at, net_revenue, currency_code",
        "fct_order_lines": "order_id, line_number, quantity, net_revenue",
        "fct_survey_responses": "response_id, survey_type, dimension, score, responded_at",
    }[table]
    query = f"select {columns} from marts.{table} order by all"
    with published(dirty.home) as con:
        found = con.execute(query).fetchall()
    with published(published_home) as con:
        clean = con.execute(query).fetchall()
    assert len(clean) > 500
    assert found == clean
