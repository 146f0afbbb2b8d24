"""Suite files: what loads, and what each mistake is told."""

import re
from pathlib import Path

import pytest

from expectations.suites import SuiteError, load_layer, load_suite

GOOD = """\
table: staging.stg_shop__orders
primary_key: [order_id]
owner: team:shop
description: One row per order.
remedy: Ask the shop team.
expectations:
  - type: expect_table_row_count_to_be_between
    kwargs: {min_value: 1}
    severity: critical
  - type: expect_column_values_to_not_be_null
    columns: [order_id, customer_id]
    severity: critical
    message: Orders need a customer.
  - type: expect_rows_to_satisfy
    name: assert_sent_after_order
    kwargs: {condition: sent_at >= ordered_at}
    severity: warning
    message: Clocks of the carrier differ.
    remedy: Tell the carrier.
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "staging" / "shop"
    folder.mkdir(parents=True)
    return folder / "stg_shop__orders.yml"


def test_a_suite_file(file: Path) -> None:
    file.write_text(GOOD)
    suite = load_suite(file)
    assert (suite.table, suite.primary_key) == ("staging.stg_shop__orders", ("order_id",))
    assert [e.name for e in suite.expectations] == [
        "table_row_count_to_be_between",
        "column_values_to_not_be_null(order_id)",
        "column_values_to_not_be_null(customer_id)",
        "assert_sent_after_order",
    ]
    assert suite.expectations[2].kwargs == {"column": "customer_id"}
    assert suite.expectations[2].remedy == "Ask the shop team."
    assert suite.expectations[3].remedy == "Tell the carrier."
    assert suite.expectations[3].severity == "warning"


MISTAKES = {
    "unknown type": ("to_not_be_null", "to_not_be_nul", r":10: unknown type .* did you mean"),
    "unknown argument": ("{min_value: 1}", "{min: 1}", r":7: unknown key 'min' .* min_value"),
    "missing argument": ("kwargs: {condition: sent_at >= ordered_at}", "kwargs: {}", "condition"),
    "no limit": ("{min_value: 1}", "{strict_min: true}", ":7: .* need min_value or max_value"),
    "limit in quotes": ("{min_value: 1}", "{min_value: '1'}", ":7: min_value must be a number"),
    "missing severity": ("    severity: critical\n  - type: expect_c", "  - type: expect_c", ":7:"),
    "unknown severity": ("severity: warning", "severity: warn", ":14: severity must be critical"),
    "no reason": ("    message: Clocks of the carrier differ.\n", "", ":14: a warning"),
    "no remedy": ("remedy: Ask the shop team.\n", "", ":6: say with remedy"),
    "no row count": ("expect_table_row_count_to_be_", "expect_column_max_to_be_", ":7: the first"),
    "unknown key": ("owner:", "ower: x\nowner:", "unknown key 'ower' in suite: known: owner"),
    "no owner": ("owner: team:shop\n", "", ":1: suite lacks owner"),
    "file name": ("stg_shop__orders", "stg_shop__order", "the file's own name"),
    "double key": ("owner:", "owner: x\nowner:", ":4: 'owner' is given twice"),
    "same name": ("[order_id, customer_id]", "[order_id, order_id]", ":10: there already is"),
    "broken YAML": ("[order_id]", "[order_id", ":3: not valid YAML"),
    "no mapping": (GOOD, "just text", ":1: a suite is a mapping"),
    "mostly": ("{condition: sent_at >= ordered_at}", "{condition: a, mostly: 95}", ":14: mostly"),
    "key as text": ("primary_key: [order_id]", "primary_key: order_id", "list of column names"),
    "plain text": ("  - type: expect_rows", "  - text\n  - type: expect_rows", ":14: .* a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found_before_any_data_is_read(file: Path, mistake: str) -> None:
    old, new, message = MISTAKES[mistake]
    text = GOOD.replace(old, new)
    assert text != GOOD
    if mistake == "no row count":
        text = text.replace("{min_value: 1}", "{min_value: 1, column: order_id}")
    file.write_text(text)
    with pytest.raises(SuiteError, match=f"{re.escape(file.name)}.*{message}|{message}") as error:
        load_suite(file)
    assert str(error.value).startswith(str(file))


def test_layers(file: Path, tmp_path: Path) -> None:
    file.write_text(GOOD)
    assert [s.table for s in load_layer("staging", root=tmp_path)] == ["staging.stg_shop__orders"]
    assert len(load_layer("staging", ["shop"], root=tmp_path)) == 1
    with pytest.raises(SuiteError, match="crm holds no suite"):
        load_layer("staging", ["shop", "crm"], root=tmp_path)
    with pytest.raises(SuiteError, match="identity holds no suite"):
        load_layer("identity", root=tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / file.name).write_text(GOOD)
    assert len(load_layer("models", root=tmp_path)) == 1
    with pytest.raises(SuiteError, match=r"staging, identity, models and marts.*raw_suites"):
        load_layer("raw", root=tmp_path)
    with pytest.raises(SuiteError, match="holds no suite"):
        load_layer("staging", root=tmp_path / "empty")
