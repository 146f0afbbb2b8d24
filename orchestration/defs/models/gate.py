"""The gate behind all statistics: finite, in their bounds, one row per what they say."""

from collections.abc import Iterator

import dagster as dg

from expectations.suites import load_layer
from orchestration.lib.gates import check_specs, run_gate
from orchestration.lib.receipts import ALL
from orchestration.lib.statistics import LAYER
from orchestration.lib.warehouse import Warehouse


@dg.definitions
def statistics_gate() -> dg.Definitions:
    """Hold every table of statistics against its suite in `expectations/models/`."""
    suites = load_layer(LAYER)
    assets = {suite.table: dg.AssetKey(suite.table.split(".")) for suite in suites}

    @dg.multi_asset_check(
        name="gate_models", specs=check_specs(assets.values()), pool="duckdb_warehouse"
    )
    def gate_models(warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        yield from run_gate(warehouse, LAYER, ALL, suites, {}, assets)

    return dg.Definitions(asset_checks=[gate_models])
