"""What stands for nothing in the texts of a file.

Who writes `null` where a date is missing does so where a name is. In texts alone it has to stand in
several columns; in one of them it is told. Belongs here: which spellings a file uses so. Does not:
the spellings themselves (`spellings`), what a contract declares, typed columns (`decisions`).
"""

import dataclasses
from collections import Counter
from itertools import islice

import duckdb

from orchestration.lib.reading.shapes import COLUMNS_AT_ONCE
from orchestration.lib.reading.sorting import Readings, Relation
from orchestration.lib.reading.spellings import NULL_SPELLINGS
from orchestration.lib.reading.sql import is_one_of, text_list

_FEW_NULLS = 3  # cells or columns, below which a spelling of "nothing" may be a text
# What somebody may have answered: nothing, where no cell of the column is empty otherwise.
_ANSWERS = {"none", "nil", "na", "n/a", "n.a."}
_SHORT_NAME = 3  # letters: Na, Nan, Nat and Nil are people


def read_text_nulls(
    con: duckdb.DuckDBPyConnection, relation: Relation, readings: Readings
) -> tuple[Relation, list[str]]:
    """Read as nothing what stands for it in the table `sample`; return the relation and warnings.

    `readings` tell what stands for nothing in the other columns.
    """
    texts = {
        name: cell
        for name, cell in relation.cells.items()
        if cell and readings[name].column.type in ("text", "identifier")
    }
    if not texts:
        return relation, []
    spellings, longest = text_list(sorted(NULL_SPELLINGS)), max(map(len, NULL_SPELLINGS))
    found: list[dict[str, int] | bool | None] = []
    for start in range(0, len(texts), COLUMNS_AT_ONCE):
        counts = ", ".join(
            f"histogram({cell}) filter "
            f"(length({cell}) <= {longest} and list_contains({spellings}, lower({cell}))), "
            f"count({cell}) < count(*)"
            for cell in islice(texts.values(), start, start + COLUMNS_AT_ONCE)
        )
        found += con.execute(f"select {counts} from sample").fetchone() or ()
    typed: Counter[str] = Counter()
    for reading in readings.values():
        if reading.column.type != "boolean":  # whose spellings are known in lower case only
            typed.update(dict(reading.nulls))
    names: dict[str, list[str]] = {}
    whole = Counter[str]()  # columns in which a spelling may stand for all that is missing
    for name, spelt, has_gaps in zip(texts, found[::2], found[1::2], strict=True):
        assert not isinstance(spelt, bool)
        for text, count in (spelt or {}).items():
            may_be_a_name = text.isalpha() and text.istitle() and len(text) <= _SHORT_NAME
            if typed[text] >= _FEW_NULLS or (count >= _FEW_NULLS and not may_be_a_name):
                names.setdefault(text, []).append(name)
                whole[text] += not (has_gaps and text.lower() in _ANSWERS)
    nothing = [t for t in sorted(names) if max(typed[t], whole[t]) >= _FEW_NULLS]
    cells = {
        name: f"(case when not {is_one_of(cell, nothing)} then {cell} end)"
        for name, cell in texts.items()
        if nothing
    }
    warnings = [
        f"{text} in {', '.join(names[text])} was read as nothing, as in other columns of the file"
        if text in nothing
        else f"cells of {', '.join(names[text])} hold {text}, which may stand for nothing"
        for text in sorted(names)
    ]
    return dataclasses.replace(relation, cells={**relation.cells, **cells}), warnings
