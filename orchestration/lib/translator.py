"""How a dbt node looks in Dagster: key, group, description, columns.

Belongs here: naming and documentation of what dbt builds and reads. Does not: running it
(`dbt_layers.py`).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from orchestration.lib.dbt_project import personal_data_tag

OWNER = "team:data-engineering"


class LayerTranslator(DagsterDbtTranslator):
    """Names an asset after its schema and table: `marts/fct_orders`.

    dbt tests are no asset checks here: the gates are (two per table), and `make test` runs the
    dbt tests. Each check result costs Dagster's event log 20-33 ms.
    """

    def __init__(self) -> None:
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_asset_checks=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return schema and table name."""
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the layer."""
        schema = str(dbt_resource_props["schema"])
        return {"settings": "intermediate", "audit": "marts"}.get(schema, schema)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the grain line; the default would add the raw SQL to the catalogue."""
        return str(dbt_resource_props.get("description") or dbt_resource_props["name"])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Return who is asked first."""
        return [OWNER]

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> dict[str, Any]:
        """Return table name, storage and columns with their documentation and tags."""
        columns = dbt_resource_props.get("columns") or {}
        return {
            **super().get_metadata(dbt_resource_props),
            "dagster/table_name": f"{dbt_resource_props['schema']}.{dbt_resource_props['name']}",
            "dagster/storage_kind": "duckdb",
            "dagster/column_schema": column_schema(columns),
        }


def source_metadata(manifest: Mapping[str, Any], table: str) -> dict[str, Any]:
    """Return table name, storage and columns of a table that Python makes and dbt reads.

    `table` is `schema.table`; it is documented once, as a dbt source.
    """
    (columns,) = (
        node["columns"]
        for node in manifest["sources"].values()
        if f"{node['schema']}.{node['name']}" == table
    )
    return {
        "dagster/table_name": table,
        "dagster/storage_kind": "duckdb",
        "dagster/column_schema": column_schema(columns),
    }


def column_schema(columns: Mapping[str, Mapping[str, Any]]) -> dg.TableSchema:
    """Return the columns of a dbt node as Dagster shows them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column["name"],
                type=column.get("data_type") or "",
                description=column.get("description") or None,
                tags=_column_tags(column),
            )
            for column in columns.values()
        ]
    )


def _column_tags(column: Mapping[str, Any]) -> dict[str, str]:
    pii = personal_data_tag(column)
    return {"pii": pii} if pii else {}
