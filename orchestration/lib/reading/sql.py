"""How names, texts and rows of Python are written into SQL.

Belongs here: quoting, inserting. Does not: queries.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def text_list(texts: Iterable[str]) -> str:
    """Write texts as a SQL list."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def is_one_of(text: str, texts: Iterable[str]) -> str:
    """Write the condition under which an SQL text is one of these.

    Of five texts behind IN, or more, DuckDB makes a join, after which the rows of a large file may
    come in another order, and it is their order that numbers them. Fewer it compares, and fast.
    """
    listed = [*texts]
    if len(listed) < 5:
        return f"({text} in ({', '.join(map(literal, listed))}))" if listed else "false"
    return f"list_contains({text_list(listed)}, {text})"


def insert_rows(
    con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows, whose keys are columns of the table, by one statement.

    One by one, 300 rows took .4 CPU s and two of waiting for the disk, so .005 and none.
    """
    import pyarrow as pa  # by whoever inserts: it takes long to import

    if rows:
        con.register("inserted_rows", pa.Table.from_pylist([*rows]))
        con.execute(f"insert into {table} by name from inserted_rows")
        con.unregister("inserted_rows")
