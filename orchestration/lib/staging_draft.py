"""Documentation and gate suites to start from, for staging models that have none yet.

A newcomer writes the SQL of a system; what its columns mean and are, the entities say already.
Belongs here: taking the columns out of a model's SQL, the drafts as text. Does not: the entities
(`data_dictionary`), files that somebody has begun, which are never changed.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration.lib.data_dictionary import Table, read_tables

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(r"'(?:[^']|'')*'|[()\[\],]|[^\s()\[\],']+")

# What staging tables hold that no entity lists.
_PLUMBING = {
    "source_metadata": ("varchar", "Columns the contract does not know, as a JSON object."),
    "currency_code": ("varchar", "ISO 4217 code of the amounts."),
}
_CONTROL_TOTALS = (
    {"name": "entity", "data_type": "varchar", "description": "Entity that is counted."},
    {"name": "measure", "data_type": "varchar", "description": "rows, or the column summed."},
    {"name": "value", "data_type": "decimal(28, 4)", "description": "Rows or sum."},
)


def draft_missing(dbt_dir: Path, suites: Path, systems: Sequence[str]) -> list[Path]:
    """Write what the staging models of some systems lack; return the files that were written.

    A system without `_<system>__models.yml` gets one, a table without a suite gets one.

    Raises ValueError where the columns of a model cannot be told from its SQL.
    """
    entities = {
        table.name.split("__")[1].removesuffix("_unioned"): table
        for table in read_tables(dbt_dir / "models/intermediate")
        if table.name.endswith("_unioned")
    }
    written = []
    for system in systems:
        folder = dbt_dir / "models/staging" / system
        yaml = folder / f"_{system}__models.yml"
        models = sorted(folder.glob(f"stg_{system}__*.sql"))
        if not models or yaml.exists():
            continue
        tables = [_drafted(path, system, entities) for path in models]
        yaml.write_text(models_yaml(tables), encoding="utf-8")
        written.append(yaml)
        for table in tables:
            suite = suites / system / f"{table.name}.yml"
            if not suite.exists() and not table.name.endswith("__control_totals"):
                suite.parent.mkdir(parents=True, exist_ok=True)
                suite.write_text(suite_yaml(table), encoding="utf-8")
                written.append(suite)
    return written


def columns_of(sql: str) -> list[str]:
    """Return the names of the columns that a model's last outer select lists.

    Raises ValueError where it ends in `select *`, or an expression has no name.
    """
    tokens = _TOKEN.findall(_COMMENT.sub(" ", _JINJA.sub(" jinja ", sql)))
    depth, listed = 0, []
    parts: list[list[str]] = []
    is_open = False
    for token in tokens:
        word = token.lower()
        if depth == 0 and word == "select":
            is_open, parts = True, [[]]
        elif depth == 0 and word == "from":
            if is_open:
                listed = parts
            is_open = False
        elif is_open and depth == 0 and word == ",":
            parts.append([])
        elif is_open:
            parts[-1].append(token)
        depth += (token in "([") - (token in ")]")
    names = [part[-1].rpartition(".")[2] for part in listed if part]
    if not names or not all(re.fullmatch("[a-z_][a-z0-9_]*", name) for name in names):
        raise ValueError("its last select does not list columns by name")
    return names


def models_yaml(tables: Sequence[Table]) -> str:
    """Write the dbt documentation of drafted tables."""
    lines = ["version: 2", "", "models:"]
    for table in tables:
        lines += [f"  - name: {table.name}", f"    description: {_quoted(table.description)}"]
        lines.append("    columns:")
        for column in table.columns:
            lines += [
                f"      - name: {column['name']}",
                f"        data_type: {column['data_type']}",
                f"        description: {_quoted(column['description'])}",
            ]
            if pii := column.get("config", {}).get("meta", {}).get("pii"):
                lines.append(f"        config: {{meta: {{pii: {pii}}}}}")
        key = f"{{arguments: {{columns: [{', '.join(table.key)}]}}}}"
        lines += ["    data_tests:", f"      - unique_key: {key}", ""]
    return "\n".join(lines[:-1]) + "\n"


def suite_yaml(table: Table) -> str:
    """Write a gate suite that asks for rows and a key."""
    key = ", ".join(table.key)
    kind, unique = "expect_column_values_to_be_unique", f"    columns: [{key}]"
    if len(table.key) > 1:
        kind = "expect_compound_columns_to_be_unique"
        unique = f"    kwargs:\n      column_list: [{key}]"
    return f"""table: staging.{table.name}
primary_key: [{key}]
owner: team:data-engineering
description: {_quoted(table.description)}
remedy: "Correct the rows in the source system or the export, replace the file in landing and \
run again."
expectations:
  - type: expect_table_row_count_to_be_between
    kwargs:
      min_value: 1
    severity: critical
    message: Without a row nothing above can be right.
  - type: {kind}
{unique}
    severity: critical
    message: Two rows of one key count everything twice.
  - type: expect_column_values_to_not_be_null
    columns: [{key}]
    severity: critical
"""


def _drafted(path: Path, system: str, entities: Mapping[str, Table]) -> Table:
    name = path.stem.removeprefix(f"stg_{system}__")
    if name == "control_totals":
        grain = "One row per entity and measure, counted straight from raw."
        return Table(path.stem, system, grain, _CONTROL_TOTALS, ("entity", "measure"))
    try:
        names = columns_of(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}: write its columns out, then run again") from error
    entity = entities.get(name)
    if entity is None:
        known = ", ".join(sorted(entities))
        raise ValueError(f"{path.name}: there is no entity {name}; there are {known}")
    known_columns = {column["name"]: column for column in entity.columns}
    columns = tuple(known_columns.get(column) or _undescribed(column) for column in names)
    key = tuple(part for part in entity.key if part in names) or (names[0],)
    grain = entity.description.replace(", over all systems", "")
    return Table(path.stem, system, grain, columns, key)


def _undescribed(name: str) -> Mapping[str, Any]:
    kind, meaning = _PLUMBING.get(name, ("varchar", f"{name.replace('_', ' ').capitalize()}."))
    return {"name": name, "data_type": kind, "description": meaning}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
