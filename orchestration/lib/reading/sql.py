"""How names and texts are written into SQL.

Belongs here: quoting. Does not: queries.
"""

from collections.abc import Iterable


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def text_list(texts: Iterable[str]) -> str:
    """Write texts as a SQL list."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def sql_strings(texts: Iterable[str]) -> str:
    """Write texts as what follows IN."""
    return "(" + ", ".join(literal(text) for text in texts) + ")"
