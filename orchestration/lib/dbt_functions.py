"""SQL functions that the dbt models call and SQL cannot express; dbt-duckdb loads this module.

Belongs here: registering functions on the connection. Does not: their logic (`models/`).
"""

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection
from duckdb.func import SPECIAL

from models.identity.phone_numbers import to_e164


class Plugin(BasePlugin):  # type: ignore[misc]  # dbt-duckdb carries no types
    """Registers the project's functions on every connection that dbt opens."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Add `to_e164(phone, region)`; NULL in gives NULL out."""
        register_functions(conn)


def register_functions(connection: DuckDBPyConnection) -> None:
    """Make the project's SQL functions known to one DuckDB connection."""
    connection.create_function(
        "to_e164",
        to_e164,
        ["VARCHAR", "VARCHAR"],
        "VARCHAR",
        null_handling=SPECIAL,  # the default refuses functions that return NULL
    )
