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


def is_one_of(text: str, texts: Iterable[str]) -> str:
    """Write the condition under which an SQL text is one of these.

    Of five texts behind IN, or more, DuckDB makes a join, after which the rows of a large file may
    come in another order, and it is their order that numbers them. Fewer it compares, and fast.
    """
    listed = [*texts]
    if len(listed) < 5:
        return f"({text} in ({', '.join(map(literal, listed))}))" if listed else "false"
    return f"list_contains({text_list(listed)}, {text})"
