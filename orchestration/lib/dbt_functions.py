"""SQL functions that the dbt models call and SQL cannot express; dbt-duckdb loads this module.

Belongs here: registering functions on the connection. Does not: their logic (`models/`).
"""

from collections.abc import Callable, Sequence
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection
from duckdb.func import SPECIAL

from models.identity.addresses import address_parts
from models.identity.names import (
    latin,
    name_forms,
    organisation_name,
    person_name,
)
from models.identity.phone_numbers import to_e164

_TEXT = "VARCHAR"
_PERSON_NAME = "STRUCT(given VARCHAR, family VARCHAR, generation VARCHAR)"
_FUNCTIONS: tuple[tuple[Callable[..., Any], Sequence[str], str], ...] = (
    (to_e164, [_TEXT, _TEXT], _TEXT),
    (person_name, [_TEXT, _TEXT, _TEXT], _PERSON_NAME),
    (name_forms, [_TEXT], "VARCHAR[]"),
    (organisation_name, [_TEXT], "STRUCT(name VARCHAR, town VARCHAR)"),
    (latin, [_TEXT], _TEXT),
    (address_parts, [_TEXT] * 3, "STRUCT(street VARCHAR, city VARCHAR, postal_code VARCHAR)"),
)


class Plugin(BasePlugin):  # type: ignore[misc]  # dbt-duckdb carries no types
    """Registers the project's functions on every connection that dbt opens."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Add the functions of `models/identity` that the models call."""
        register_functions(conn)


def register_functions(connection: DuckDBPyConnection) -> None:
    """Make the project's SQL functions known to one DuckDB connection."""
    for function, parameters, returned in _FUNCTIONS:
        connection.create_function(
            function.__name__,
            function,
            list(parameters),
            returned,
            null_handling=SPECIAL,  # the default refuses functions that return NULL
        )
