"""What goes into a published version, and whether there is anything new to publish.

Belongs here: the manifest's content, documentation and keys of the published tables, the
comparison of what lies in landing with what was published. Does not: writing files
(`publication.py`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.company import Company
from orchestration.lib.dbt_project import personal_data_tag, read_manifest, target_dir
from orchestration.lib.lineage import Lineage, declared_lineage, project_lineage
from orchestration.lib.project import PROJECT_ROOT, contracts
from orchestration.lib.publication import TableDocumentation, current_version
from orchestration.lib.publication import read_manifest as read_release
from orchestration.lib.reading.sources import PublishedFile, contents, export_told
from orchestration.lib.reading.views import read_input_files
from orchestration.lib.receipts import ALL

PUBLISHED_SCHEMAS = ("marts", "audit")
_CODE = ("orchestration", "models", "expectations", "dbt_project")
# What the functions in `dbt_functions` rest on, and the engine.
_LIBRARIES = ("duckdb", "nicknames", "phonenumbers", "pypinyin", "text-unidecode")
_CODE_SUFFIXES = (".py", ".sql", ".yml", ".yaml", ".csv")


def required_gates(systems: Sequence[str]) -> list[tuple[str, str]]:
    """Return layer and scope of every gate that must have passed before publication."""
    per_system = [(layer, system) for layer in ("raw", "staging") for system in systems]
    return [*per_system, ("identity", ALL), ("models", ALL), ("marts", ALL)]


def documentation(systems: Sequence[str]) -> dict[str, TableDocumentation]:
    """Return descriptions of the published tables and their columns, from the dbt project."""
    return {
        node["name"]: TableDocumentation(
            description=node["description"],
            columns={name: column["description"] for name, column in node["columns"].items()},
        )
        for node in [*published_models(systems), *_audit_sources(systems)]
    }


def keys(systems: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return the key of every published table: of its dbt test `unique_key`, or of its source."""
    published = {node["unique_id"]: node["name"] for node in published_models(systems)}
    found: dict[str, Sequence[str]] = {
        published[node["attached_node"]]: node["test_metadata"]["kwargs"]["columns"]
        for node in read_manifest(systems)["nodes"].values()
        if node["resource_type"] == "test" and node.get("attached_node") in published
        if node["test_metadata"]["name"] == "unique_key"
    }
    return found | {node["name"]: node["meta"]["key"] for node in _audit_sources(systems)}


def personal_columns(table: str, systems: Sequence[str]) -> frozenset[str]:
    """Return the columns of a published table that hold personal data."""
    return frozenset(
        name
        for node in published_models(systems)
        if node["name"] == table
        for name, column in node["columns"].items()
        if personal_data_tag(column)
    )


def published_lineage(systems: Sequence[str]) -> Lineage:
    """Return from which columns every column comes, as the last run of this project kept it."""
    return project_lineage(target_dir(systems)) | declared_lineage(read_manifest(systems))


def _audit_sources(systems: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the reader and the gates write into schema audit, beside the dbt models there."""
    sources = read_manifest(systems)["sources"].values()
    return [node for node in sources if node["schema"] == "audit"]


def drop_what_is_no_longer_made(con: duckdb.DuckDBPyConnection, systems: Sequence[str]) -> None:
    """Drop what an earlier build left in the published schemas and this project does not make.

    A build starts from a copy of the last one. A mart that was renamed since, or the files of a
    system that was switched off, would be published on and on with yesterday's rows.
    """
    made = {node["name"] for node in [*published_models(systems), *_audit_sources(systems)]}
    found = con.execute(
        "select schema_name, table_name from duckdb_tables() where list_contains($1, schema_name)",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    for schema, name in found:
        if name not in made:
            con.execute(f'drop table "{schema}"."{name}"')
    for name in ("input_files", "quarantine"):
        con.execute(
            f"delete from audit.{name} where not list_contains($1, system)", [list(systems)]
        )


def published_models(systems: Sequence[str]) -> list[dict[str, Any]]:
    """Return the published tables as dbt's manifest describes them."""
    return [
        node
        for node in read_manifest(systems)["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in PUBLISHED_SCHEMAS
    ]


@cache
def code_version() -> str:
    """Hash the files that decide what the marts hold, as they were when first asked for."""
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((PROJECT_ROOT / folder).rglob("*")):
            if path.suffix in _CODE_SUFFIXES and "target" not in path.parts and path.is_file():
                digest.update(str(path.relative_to(PROJECT_ROOT)).encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def library_versions() -> str:
    """Name the versions of the libraries that decide how values are spelt: rows are kept by it."""
    return ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)


def company_hash(company: Company) -> str:
    """Hash the settings."""
    return hashlib.sha256(company.model_dump_json().encode()).hexdigest()[:12]


def version_name(built_at: datetime, build_id: str) -> str:
    """Name a version after the time it was built; the build id keeps two of one second apart."""
    return f"{built_at:%Y%m%dT%H%M%S}-{build_id[:8]}"


def release_content(
    build_database: Path,
    *,
    systems: Sequence[str],
    company: Company,
    as_of: date,
    asked_as_of: date | None,
    built_at: datetime,
) -> dict[str, Any]:
    """Return what the manifest says beside its tables: inputs, gates, headline numbers."""
    with duckdb.connect(str(build_database), read_only=True) as con:
        files = _rows(
            con,
            "select system, object, file_name, sha256, status, rows_in_file, rows_loaded, "
            "rows_quarantined, rows_released, times_replaced from audit.input_files order by all",
        )
        later = {
            (record.system, record.object, record.file_name, record.sha256)
            for system in systems
            for record in read_input_files(con, system)
            if not record.known_by(asked_as_of)
        }
        for file in files:
            file["is_later"] = (
                *(file[name] for name in ("system", "object", "file_name", "sha256")),
            ) in later
        gates = _rows(
            con,
            "select layer, scope, count(*) as checks, count(*) filter (where not passed and "
            "severity = 'critical') as failed, count(*) filter (where not passed and severity = "
            "'warning') as warnings, coalesce(list(message order by message) filter (where not "
            "passed and severity = 'warning'), []) as warned "
            "from audit.validation_results group by all order by all",
        )
        (reconciliation,) = _rows(
            con,
            "select count(*) as steps, count(*) filter (where difference != 0) as differences "
            "from audit.reconciliation",
        )
        headline = headline_numbers(con)
    return {
        "as_of": as_of.isoformat(),
        "asked_as_of": asked_as_of.isoformat() if asked_as_of else None,
        "built_at": built_at.isoformat(timespec="seconds"),
        "code_version": code_version(),
        "company_hash": company_hash(company),
        "systems": list(systems),
        "input_files": files,
        "gates": gates,
        "reconciliation": reconciliation,
        "headline": headline,
    }


def headline_numbers(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the numbers that the run summary opens with, from the marts."""
    (row,) = _rows(
        con,
        """
        with nps as (
            select value, ci_low, ci_high, count_responses
            from marts.mart_satisfaction
            where metric = 'nps' and period_type = 'all_time' and dimension_name = 'all'
        ),
        csat as (
            select value, ci_low, ci_high, count_responses
            from marts.mart_satisfaction
            where metric = 'csat' and period_type = 'all_time' and dimension_name = 'all'
        )
        select
            (select count(*) from marts.dim_customers) as customers,
            (select count(*) from marts.dim_customers where customer_type = 'organisation')
                as organisations,
            (select count(*) from marts.dim_customers where count_orders > 0) as buyers,
            (select count(*) from marts.fct_orders where is_sale) as sales,
            (select cast(coalesce(sum(net_revenue), 0) as varchar)
             from marts.fct_orders where is_sale) as net_revenue,
            (select min(currency_code) from marts.fct_orders) as currency_code,
            (select round(top_20_margin_share, 6) from marts.mart_segment_profile
             where dimension_name = 'all') as top_20_share_of_margin,
            (select round(sum(cast(predicted_value_365d as decimal(28, 4))), 2)
             from marts.mart_customer_ltv)::varchar as predicted_value_365d,
            (select mode(model_name order by model_name) from marts.mart_customer_ltv
             where model_name != 'none') as value_model,
            (select {'value': round(value, 2), 'low': round(ci_low, 2), 'high': round(ci_high, 2),
                     'responses': count_responses} from nps) as nps,
            (select {'value': round(value, 4), 'low': round(ci_low, 4), 'high': round(ci_high, 4),
                     'responses': count_responses} from csat) as csat
        """,
    )
    return row


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def published_files(published: Path, system: str) -> frozenset[PublishedFile]:
    """Return a system's files behind the current version.

    These and the files in landing are what a build is made from: a bad file that was never
    published is undone by removing it from landing, one that was by a rollback as well.
    """
    if current_version(published) is None:
        return frozenset()
    return frozenset(
        PublishedFile(
            file["object"], file["sha256"], file["file_name"], file.get("times_replaced", 0)
        )
        for file in read_release(published)["input_files"]
        if file["system"] == system and file["status"] == "loaded"
    )


def landed_files(
    systems: Sequence[str], landing: Path, raw: Path
) -> dict[str, frozenset[tuple[str, str]]]:
    """Return, per system, name and content hash of all files in landing."""
    return {system: contents(landing / system, raw / system) for system in systems}


def is_up_to_date(
    published: Path,
    landed: Mapping[str, frozenset[tuple[str, str]]],
    company: Company,
    asked_as_of: date | None,
) -> bool:
    """Tell whether a run would publish what is published already.

    `landed` holds names and hashes of the files in landing by system.
    """
    if current_version(published) is None:
        return False
    release = read_release(published)
    known: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for file in release["input_files"]:
        known.setdefault((file["system"], file["sha256"]), []).append(
            (file["object"], file["file_name"])
        )
    return (
        release["systems"] == sorted(landed)
        and release["asked_as_of"] == (asked_as_of.isoformat() if asked_as_of else None)
        and release["company_hash"] == company_hash(company)
        and release["code_version"] == code_version()
        and all(
            any(_is_same_export(system, *file, name) for file in known.get((system, sha256), ()))
            for system, files in landed.items()
            for name, sha256 in files
        )
    )


def _is_same_export(system: str, object_name: str | None, known_name: str, name: str) -> bool:
    """Tell whether two files of the same content are one export (see `export_told`)."""
    if known_name == name or object_name is None:
        return True
    exported = contracts()[system].object(object_name)
    told = export_told(exported, name)
    return told is None or told == export_told(exported, known_name)


def as_json(content: Any) -> str:
    """Return JSON for machines."""
    return json.dumps(content, indent=2, ensure_ascii=False, default=str)
