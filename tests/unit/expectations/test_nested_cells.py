"""Nested cells of Zendesk: what is no JSON is told by file and row, plain names are let be."""

from pathlib import Path

import duckdb

from expectations.suites import load_suite
from expectations.validate import validate

SUITE = Path(__file__).parents[3] / "expectations/staging/zendesk/stg_zendesk__cases.yml"
NESTED = {
    "tickets": "via tags custom_fields satisfaction_rating merged_ticket_ids metric_set comments",
    "ticket_metrics": "reply_time_in_minutes first_resolution_time_in_minutes "
    "full_resolution_time_in_minutes",
    "ticket_events": "child_events",
}


def test_cells_that_are_no_json_are_told(database: Path) -> None:
    with duckdb.connect(str(database)) as con:
        con.execute("create table staging.stg_zendesk__cases as select '1' as case_id")
        con.execute("create schema raw")
        for table, columns in NESTED.items():
            typed = ", ".join(f"{column} varchar" for column in columns.split())
            con.execute(
                f"create table raw.zendesk__{table} "
                f"({typed}, _file_name varchar, _row_number bigint)"
            )
        con.execute(
            "insert into raw.zendesk__tickets (via, tags, custom_fields, _file_name, _row_number) "
            """values ('web', '["a"]', '[{"id": 1}]', 't.csv', 1), """
            """('{''channel'': ''web''}', '[]', '[{"id": 1', 't.csv', 2)"""
        )
        con.execute(
            "insert into raw.zendesk__ticket_metrics "
            "(reply_time_in_minutes, _file_name, _row_number) values "
            """('{''calendar'': 5}', 'm.csv', 1), ('{"calendar": 5}', 'm.csv', 2)"""
        )
    (result,) = validate(database, [load_suite(SUITE)])
    (check,) = [check for check in result.checks if check.name == "nested_cells_are_json"]
    assert [(s["_file_name"], s["_row_number"]) for s in check.samples] == [
        ("m.csv", 1),
        ("t.csv", 2),
    ]
