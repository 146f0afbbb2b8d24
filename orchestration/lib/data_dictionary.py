"""The data dictionary: pages about the published tables and about the entities behind them.

Belongs here: turning the dbt project's YAML and the suites of the gates into Markdown. Does not:
writing files (`generated.py`), pages about one system.

The YAML is read as it is, without dbt: the pages say the same whichever systems are enabled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from expectations.suites import Suite
from orchestration.lib.dbt_project import personal_data_tag

_NOTE = "<!-- Made from the dbt project and the suites by `make docs`; change those instead. -->"
_PERSONAL = "`direct` identifies a person by itself, `quasi` together with other columns"


@dataclass(frozen=True)
class Table:
    """A table as its dbt YAML describes it; `domain` is the folder it lies in."""

    name: str
    domain: str
    description: str
    columns: tuple[Mapping[str, Any], ...]
    key: tuple[str, ...]


def read_tables(folder: Path) -> list[Table]:
    """Return the models that the YAML files below `folder` describe, by domain and name."""
    models = [
        (path.parent.name, model)
        for path in sorted(folder.rglob("*.yml"))
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", ())
    ]
    tables = (
        Table(
            name=model["name"],
            domain=domain,
            description=model["description"],
            columns=tuple(model.get("columns", ())),
            key=_key(model.get("data_tests", ())),
        )
        for domain, model in models
    )
    return sorted(tables, key=lambda table: (table.domain, table.name))


def marts_page(tables: Sequence[Table], suites: Iterable[Suite]) -> str:
    """Return the page of the published tables: a diagram, then every table with its columns."""
    domains: dict[str, list[Table]] = {}
    for table in tables:
        domains.setdefault(table.domain, []).append(table)
    overview = ["| table | one row per |", "|---|---|"] + [
        f"| [`{table.name}`](#{table.name}) | {_grain(table)} |" for table in tables
    ]
    parts = [
        "# Published tables",
        _NOTE,
        "Schema `marts` of `published/current/customer_marts.duckdb`, and one Parquet file per "
        "table beside it; those under *audit* are in schema `audit`. The column *personal* marks "
        f"personal data: {_PERSONAL}. A column of the table's key is **bold**.",
        "\n".join(overview),
        "## How they hang together",
        "Every line is a reference that the gate of the marts enforces: a version in which one "
        "points at nothing is not published.",
        relations_diagram(tables, suites),
    ]
    for domain, members in domains.items():
        parts += [f"## {domain}", *(_section(table) for table in members)]
    return "\n\n".join(parts) + "\n"


def relations_diagram(tables: Sequence[Table], suites: Iterable[Suite]) -> str:
    """Return the references between the tables as a Mermaid diagram, with keys and references."""
    by_name = {table.name: table for table in tables}
    lines: list[str] = []
    shown: dict[str, dict[str, set[str]]] = {}
    for suite in suites:
        child = by_name.get(suite.table.split(".")[1])
        filled = {
            expectation.kwargs["column"]
            for expectation in suite.expectations
            if expectation.type == "expect_column_values_to_not_be_null"
        }
        for expectation in suite.expectations:
            if child is None or expectation.type != "expect_reference_to_exist":
                continue
            parent = by_name.get(expectation.kwargs["to_table"].split(".")[1])
            columns = _listed(expectation.kwargs["column"])
            if parent is None or parent is child:
                continue
            one = "||" if filled.issuperset(columns) else "|o"
            many = "o|" if child.key and set(columns) >= set(child.key) else "o{"
            lines.append(f"    {parent.name} {one}--{many} {child.name} : {'_and_'.join(columns)}")
            for table in (parent, child):
                for name in table.key:
                    shown.setdefault(table.name, {}).setdefault(name, set()).add("PK")
            for name in _listed(expectation.kwargs.get("to_column", columns)):
                if name not in parent.key:
                    shown[parent.name].setdefault(name, set()).add("UK")
            for name in columns:
                shown[child.name].setdefault(name, set()).add("FK")
    for table_name, marks in shown.items():
        types = {column["name"]: column["data_type"] for column in by_name[table_name].columns}
        lines.append(f"    {table_name} {{")
        lines += [
            f"        {types[name].split('(')[0]} {name} {', '.join(sorted(found, reverse=True))}"
            for name, found in marks.items()
        ]
        lines.append("    }")
    return "\n".join(["```mermaid", "erDiagram", *lines, "```"])


def entities_page(entities: Sequence[Table], staging: Mapping[str, Sequence[Table]]) -> str:
    """Return the page of the entities: their columns and which systems fill them.

    `entities` are the models that bring all systems together, `staging` the models of each system.
    """
    parts = [
        "# Entities",
        _NOTE,
        "The contract that the staging models of all systems are adapted to. A system has an "
        "entity when it has a staging model of that name, and fills a column when its model has "
        "one of that name; the others are NULL. What no entity has a column for stays in "
        f"`source_metadata`. Personal data: {_PERSONAL}.",
    ]
    for entity in entities:
        name = entity.name.split("__")[1].removesuffix("_unioned")
        filled = {
            system: {column["name"] for column in table.columns}
            for system, tables in staging.items()
            for table in tables
            if table.name == f"stg_{system}__{name}"
        }
        rows = ["| column | type | personal | filled by | meaning |", "|---|---|---|---|---|"]
        for column in entity.columns:
            systems = [system for system, columns in filled.items() if column["name"] in columns]
            by = "the warehouse" if column["name"] == "source_system" else ", ".join(systems)
            rows.append(
                f"| `{column['name']}` | {column['data_type']} | {personal_data_tag(column)} "
                f"| {by} | {column['description']} |"
            )
        parts += [
            f"## {name}",
            f"{entity.description} Staging: "
            + (", ".join(f"`stg_{system}__{name}`" for system in filled) or "none yet")
            + f". Model: `{entity.name}`.",
            "\n".join(rows),
        ]
    return "\n\n".join(parts) + "\n"


def _section(table: Table) -> str:
    rows = ["| column | type | personal | meaning |", "|---|---|---|---|"]
    for column in table.columns:
        name = f"`{column['name']}`"
        rows.append(
            f"| {f'**{name}**' if column['name'] in table.key else name} | {column['data_type']} "
            f"| {personal_data_tag(column)} | {column['description']} |"
        )
    return "\n\n".join([f"### {table.name}", table.description, "\n".join(rows)])


def _grain(table: Table) -> str:
    first = table.description.split(". ")[0].rstrip(".")
    return first.removeprefix("One row per ")


def _key(tests: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    for test in tests:
        if "unique_key" in test:
            return tuple(test["unique_key"]["arguments"]["columns"])
    return ()


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
