"""Documentation and gate suites to start from, for staging models that have none yet.

A newcomer writes the SQL of a system; what its columns mean and are, the entities say already, and
what must hold of them, the suites of the templates (`canonical`).
Belongs here: taking the columns out of a model's SQL, the drafts as text. Does not: the entities
(`data_dictionary`), files that somebody has begun, which are never changed.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from orchestration.lib.contracts import ExportContract
from orchestration.lib.data_dictionary import Table, read_tables

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(r"'(?:[^']|'')*'|[()\[\],]|[^\s()\[\],']+")

# What staging tables hold that no entity lists.
_PLUMBING = {
    "source_metadata": ("varchar", "Columns the contract does not know, as a JSON object."),
    "currency_code": ("varchar", "ISO 4217 code of the amounts."),
}
_NOT_NULL = "expect_column_values_to_not_be_null"
_REFERENCE = "expect_reference_to_exist"
# What every drafted suite begins with in its own words.
_SAID_OF_ALL = {
    "expect_table_row_count_to_be_between",
    "expect_column_values_to_be_unique",
    "expect_compound_columns_to_be_unique",
    _NOT_NULL,
}
_TARGET_IS_GONE = (
    "The row it points at was deleted, or is in quarantine, or its file is missing or cut short: "
    "it counts, but for nobody."
)

# Deletions leave few rows behind; more of them are an export that lacks records or changed its ids.
_MOST_FOUND = 0.9
_MANY_ARE_GONE = (
    "More than a tenth point at nothing: a file is missing or cut short, or one of the two writes "
    "its ids otherwise than before (zeros in front, a prefix)."
)

_CONTROL_TOTALS = (
    {"name": "entity", "data_type": "varchar", "description": "Entity that is counted."},
    {"name": "measure", "data_type": "varchar", "description": "rows, or the column summed."},
    {"name": "value", "data_type": "decimal(28, 4)", "description": "Rows or sum."},
)


def draft_missing(
    dbt_dir: Path, suites: Path, contracts: Mapping[str, ExportContract]
) -> list[Path]:
    """Write what the staging models of some systems lack; return the files that were written.

    Models that `_<system>__models.yml` does not describe are added to it, and get a suite: what the
    suite of the same entity in `suites`/canonical expects of the columns that the table has.

    Raises ValueError where the columns of a model cannot be told from its SQL.
    """
    entities = {
        table.name.split("__")[1].removesuffix("_unioned"): table
        for table in read_tables(dbt_dir / "models/intermediate")
        if table.name.endswith("_unioned")
    }
    written = []
    for system, contract in contracts.items():
        folder = dbt_dir / "models/staging" / system
        documentation = folder / f"_{system}__models.yml"
        models = sorted(folder.glob(f"stg_{system}__*.sql"))
        described = {table.name: table for table in read_tables(folder)}
        if all(path.stem in described for path in models):
            continue
        tables = [described.get(path.stem) or _drafted(path, system, entities) for path in models]
        new = models_yaml([table for table in tables if table.name not in described])
        if documentation.exists():
            begun = documentation.read_text(encoding="utf-8")
            new = begun.rstrip("\n") + "\n\n" + new.partition("models:\n")[2]
        documentation.write_text(new, encoding="utf-8")
        written.append(documentation)
        loses_rows = any(o.mode == "full" or o.deleted_flag for o in contract.objects)
        for table in tables:
            suite = suites / system / f"{table.name}.yml"
            is_new = table.name not in described and not suite.exists()
            if is_new and not table.name.endswith("__control_totals"):
                entity = table.name.removeprefix(f"stg_{system}__")
                template = suites / "canonical" / f"stg_canonical__{entity}.yml"
                suite.parent.mkdir(parents=True, exist_ok=True)
                suite.write_text(
                    suite_yaml(
                        table,
                        template.read_text(encoding="utf-8"),
                        entities[entity],
                        tables,
                        loses_rows=loses_rows,
                    ),
                    encoding="utf-8",
                )
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


def suite_yaml(
    table: Table, template: str, entity: Table, staged: Sequence[Table], *, loses_rows: bool
) -> str:
    """Write a gate suite: rows, a key, and what the `template` expects of columns that are there.

    `template` is the suite of the same entity in the templates, `staged` are all tables of the
    system. Where the system `loses_rows`, a reference may point at one that was deleted: a warning.
    """
    system = table.domain
    own = {column["name"] for column in table.columns}
    blocks = re.split(r"(?m)^(?=  - type: )", template.replace("canonical__", f"{system}__"))[1:]
    expected = [(yaml.safe_load(block)[0], block) for block in blocks]
    filled = next(e["columns"] for e, _ in expected if e["type"] == _NOT_NULL)
    filled = [*table.key, *(c for c in filled if c in own and c not in table.key)]
    key = ", ".join(table.key)
    kind, unique = "expect_column_values_to_be_unique", f"    columns: [{key}]"
    if len(table.key) > 1:
        kind = "expect_compound_columns_to_be_unique"
        unique = f"    kwargs:\n      column_list: [{key}]"
    head = f"""table: staging.{table.name}
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
  - type: {_NOT_NULL}
    columns: [{", ".join(filled)}]
    severity: critical
"""
    tables = {f"staging.{other.name}": {c["name"] for c in other.columns} for other in staged}
    of_entity = {column["name"] for column in entity.columns}
    for expectation, block in expected:
        if expectation["type"] in _SAID_OF_ALL and expectation["severity"] == "critical":
            continue
        head += _adapted(expectation, block, own, of_entity, tables, loses_rows=loses_rows)
    return head


def _adapted(
    expectation: Mapping[str, Any],
    block: str,
    own: set[str],
    of_entity: set[str],
    tables: Mapping[str, set[str]],
    *,
    loses_rows: bool,
) -> str:
    """Return an expectation as it holds for a table with `own` columns; nothing where it cannot."""
    if "columns" in expectation:
        there = [column for column in expectation["columns"] if column in own]
        columns = f"columns: [{', '.join(there)}]"
        return re.sub(r"columns: \[.*\]", columns, block, count=1) if there else ""
    kwargs = expectation["kwargs"]
    text = " ".join(str(kwargs.get(name, "")) for name in ("column", "condition", "query"))
    named = set(re.findall(r"staging\.\w+", f"{text} {kwargs.get('to_table', '')}"))
    if not named <= set(tables):
        return ""
    reached = own.union(*(tables[name] for name in named))
    if not set(re.findall(r"\w+", text)) & of_entity <= reached:
        return ""
    if expectation["type"] == _REFERENCE:
        column = kwargs["column"]
        if column not in own or kwargs.get("to_column", column) not in tables[kwargs["to_table"]]:
            return ""
        block = re.sub(r"(?m)^ +deleted_in: .*\n", "", block)
        if loses_rows:
            block = block.replace("severity: critical", "severity: warning")
            lost = block.replace("severity: warning", "severity: critical")
            lost = re.sub("(?m)^( +)to_table: .*", rf"\g<0>\n\1mostly: {_MOST_FOUND}", lost)
            lost = lost.replace("    kwargs:", f"    name: most_{column}_found\n    kwargs:")
            lost = re.sub("message: .*", f'message: "{_MANY_ARE_GONE}"', lost)
            lost = re.sub("(?m)^ +remedy: .*\n", "", lost)
            block = re.sub("message: .*", f'message: "{_TARGET_IS_GONE}"', block) + lost
    return block


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
