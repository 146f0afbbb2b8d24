"""Tables that Python writes: their columns and types are those documented as dbt sources.

Belongs here: writing rows under the documented columns. Does not: which tables there are.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def write_documented(
    con: duckdb.DuckDBPyConnection,
    manifest: Mapping[str, Any],
    table: str,
    rows: "pd.DataFrame | pa.Table",
) -> None:
    """Write `schema.table` with the columns, order and types of its dbt source.

    Raises ValueError when the rows have other columns than are documented.
    """
    (columns,) = (
        {column["name"]: column["data_type"] for column in node["columns"].values()}
        for node in manifest["sources"].values()
        if f"{node['schema']}.{node['name']}" == table
    )
    con.register("documented_rows", rows)
    given = set(con.table("documented_rows").columns)
    if given != set(columns):
        con.unregister("documented_rows")
        differing = sorted(given ^ set(columns))
        raise ValueError(
            f"{table} and its documentation differ in the columns {', '.join(differing)}: "
            "bring its dbt source (dbt_project/models/_*__sources.yml) and the code into line"
        )
    select = ", ".join(f'cast("{c}" as {kind}) as "{c}"' for c, kind in columns.items())
    con.execute(f"create or replace table {table} as select {select} from documented_rows")
    con.unregister("documented_rows")
