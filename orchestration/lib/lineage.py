"""Column lineage: from which columns of which raw files a published column comes.

Belongs here: reading it from the SQL that dbt compiled, following it back to the files. Does not:
how it is shown (`lineage_page.py`, Dagster's metadata in `dbt_layers.py`).

It is read from the SQL itself, so it cannot go out of date. A column comes from every column its
expression reads, those in its window and its conditions included. Joins and filters around the
expression decide which rows there are, not what stands in them, and are left out.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.lib.contracts import ExportContract, raw_columns

if TYPE_CHECKING:
    from sqlglot.optimizer.scope import Scope

ROWS = "*"  # Stands for the rows of a table, where they are counted and no column is read.
CACHE_PREFIX = "column_lineage_"

Source = tuple[str, str]  # A table as `schema.table` and one of its columns, or ROWS.
TableLineage = Mapping[str, Sequence[Source]]  # What each column of a table is read from, and ROWS.
Lineage = Mapping[str, TableLineage]  # By `schema.table`.


class LineageError(ValueError):
    """The SQL of a model cannot be followed; the message names the model."""


def known_columns(
    manifest: Mapping[str, Any], contracts: Mapping[str, ExportContract]
) -> dict[str, list[str]]:
    """Return the columns of every table that models read, by `schema.table`.

    Models, seeds and sources have theirs in the dbt project, raw tables in the export contracts.
    """
    documented = {
        f"{node['schema']}.{node['name']}": list(node["columns"])
        for node in [*manifest["nodes"].values(), *manifest["sources"].values()]
        if node["resource_type"] in ("model", "seed", "source") and node["columns"]
    }
    raw = {
        f"raw.{contract.system}__{exported.name}": list(raw_columns(exported))
        for contract in contracts.values()
        for exported in contract.objects
    }
    return documented | raw


def column_lineage(
    queries: Mapping[str, str], known: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, list[Source]]]:
    """Return what each column of each query is read from, one step back.

    `queries` holds the SQL of tables by `schema.table`, `known` the columns of the tables they
    read: `select *` needs them. A constant, or a column that no system fills, is read from nothing.
    """
    from sqlglot import MappingSchema

    schema = MappingSchema(dialect="duckdb")
    for table, columns in known.items():
        schema.add_table(table, dict.fromkeys(columns, "text"))
    return {table: _lineage_of(table, sql, schema) for table, sql in queries.items()}


def cached_lineage(
    folder: Path, step: str, queries: Mapping[str, str], known: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, list[Source]]]:
    """Return `column_lineage`, kept in the folder of the parsed project.

    The folder is another one whenever the dbt project changes, so what it keeps is never stale.
    """
    kept = folder / f"{CACHE_PREFIX}{step}.json"
    if not kept.exists():
        found = column_lineage(queries, known)
        working = kept.with_suffix(".tmp")
        working.write_text(json.dumps(found), encoding="utf-8")
        working.replace(kept)
    return _read(kept)


def project_lineage(folder: Path) -> dict[str, dict[str, list[Source]]]:
    """Return the lineage of all steps that `cached_lineage` has kept in the folder."""
    return {
        table: columns
        for kept in sorted(folder.glob(f"{CACHE_PREFIX}*.json"))
        for table, columns in _read(kept).items()
    }


def declared_lineage(manifest: Mapping[str, Any]) -> dict[str, dict[str, list[Source]]]:
    """Return the lineage of tables that Python computes: their dbt source says what they read.

    `meta: {computed_from: [{table: schema.table, columns: [...]}, ...]}`. A column that carries
    the name of one that is read is that column; every other one is computed from all of them.
    """
    found = {}
    for node in manifest["sources"].values():
        origins = (node.get("config", {}).get("meta") or node.get("meta") or {}).get(
            "computed_from"
        )
        if origins:
            read = [(origin["table"], name) for origin in origins for name in origin["columns"]]
            found[f"{node['schema']}.{node['name']}"] = {
                ROWS: [(origin["table"], ROWS) for origin in origins],
                **{
                    column: [source for source in read if source[1] == column] or read
                    for column in node["columns"]
                },
            }
    return found


def way_back(lineage: Lineage, table: str, column: str) -> list[Source]:
    """Return every column that `table.column` comes from, however many steps back.

    Nearest first. Those of tables without a lineage of their own are where the way begins: raw
    files, settings, seeds.
    """
    found: dict[Source, None] = {}
    waiting = list(lineage.get(table, {}).get(column, ()))
    while waiting:
        source = waiting.pop(0)
        if source not in found:
            found[source] = None
            waiting += lineage.get(source[0], {}).get(source[1], ())
    return list(found)


def origins(lineage: Lineage, table: str, column: str) -> list[Source]:
    """Return where the way back from `table.column` begins, sorted."""
    return sorted(source for source in way_back(lineage, table, column) if source[0] not in lineage)


def _read(path: Path) -> dict[str, dict[str, list[Source]]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return {
        table: {column: [(name, of) for name, of in sources] for column, sources in columns.items()}
        for table, columns in content.items()
    }


def _lineage_of(table: str, sql: str, schema: Any) -> dict[str, list[Source]]:
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    try:
        query = parse_one(sql, dialect="duckdb")
        for node in query.find_all(exp.Table):
            node.set("catalog", None)  # the build's own name; a table is `schema.table` here
            if node.db == "touched":  # some rows of raw, `staged_files.py`
                node.set("db", exp.to_identifier("raw"))
        query = qualify(query, dialect="duckdb", schema=schema, validate_qualify_columns=False)
        root = build_scope(query)
    except SqlglotError as error:
        raise LineageError(f"column lineage of {table}: {error}") from error
    if root is None:
        raise LineageError(f"column lineage of {table}: no query in its SQL")
    walk = _Walk(root)
    return {column: sorted(walk.sources(root, column)) for column in [*query.named_selects, ROWS]}


class _Walk:
    """Follows columns through the subqueries of one query, each of them once."""

    def __init__(self, root: "Scope") -> None:
        self.scopes = {id(scope.expression): scope for scope in root.traverse()}
        self.found: dict[tuple[int, str], set[Source]] = {}

    def sources(self, scope: "Scope", column: str) -> set[Source]:
        """Return the columns of tables that an output column of `scope` is read from."""
        key = (id(scope), column)
        if key not in self.found:
            self.found[key] = set()  # what a recursive query reads of itself adds nothing
            self.found[key] = self._sources(scope, column)
        return self.found[key]

    def _sources(self, scope: "Scope", column: str) -> set[Source]:
        from sqlglot import exp

        query = scope.expression
        if isinstance(query, exp.SetOperation):
            # The branches of a union fit together by position, whatever their columns are called.
            position = None if column == ROWS else query.named_selects.index(column)
            return {
                source
                for branch in scope.set_operation_scopes
                for source in self.sources(
                    branch,
                    ROWS if position is None else branch.expression.named_selects[position],
                )
            }
        if not isinstance(query, exp.Select):
            return self._read_by(query)  # unnest() and the like: whatever they are given
        if column == ROWS:
            origin = query.args.get("from_")
            return self._of(scope, origin.this.alias_or_name, ROWS) if origin else set()
        return {
            source
            for projection in query.selects
            if projection.alias_or_name == column
            for source in self._read_by(projection)
        }

    def _read_by(self, expression: Any) -> set[Source]:
        from sqlglot import exp

        found: set[Source] = set()
        for node in expression.find_all(exp.Column, exp.Count):
            is_row_count = isinstance(node, exp.Count) and isinstance(node.this, exp.Star)
            query = node.find_ancestor(exp.Select)
            scope = self.scopes.get(id(query))
            if scope is None:
                continue
            if is_row_count:
                found |= self.sources(scope, ROWS)
            elif isinstance(node, exp.Column):
                found |= self._of(scope, node.table, node.name)
        return found

    def _of(self, scope: "Scope", name: str, column: str) -> set[Source]:
        from sqlglot import exp

        source = scope.sources.get(name)
        if not name and len(scope.sources) == 1:
            # The only table is one whose columns nobody has listed.
            (source,) = scope.sources.values()
        if source is None:
            # A subquery may read the row of the query around it.
            return self._of(scope.parent, name, column) if name and scope.parent else set()
        if isinstance(source, exp.Table):
            return {(f"{source.db}.{source.name}", column)} if source.db else set()
        return self.sources(source, column)
