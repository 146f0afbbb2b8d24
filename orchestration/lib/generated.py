"""Files that are made from others and kept in the repository: `make docs` writes them.

Belongs here: one function per generated file that returns its text. Does not: hand-written pages.
A test fails when a kept file differs from what these functions return.
"""

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from expectations.suites import load_layer
from orchestration.lib.contracts import Column, ExportContract, ExportObject
from orchestration.lib.data_dictionary import entities_page, marts_page, read_tables
from orchestration.lib.dbt_project import DBT_DIR
from orchestration.lib.dbt_sources import NOTE, sources_yaml
from orchestration.lib.project import PROJECT_ROOT

_REFERENCE = PROJECT_ROOT / "docs/reference"
# What an object may declare on how its files are written; the rest is decided file by file.
_DECLARED = (
    "format",
    "encoding",
    "delimiter",
    "quote",
    "escape",
    "header",
    "header_rows",
    "footer",
    "decimal",
    "thousands",
    "date_order",
    "timezone",
    "null_values",
)


def generated_files(contracts: Mapping[str, ExportContract]) -> dict[Path, str]:
    """Return every generated file with its text."""
    files = {}
    for system, contract in contracts.items():
        folder = DBT_DIR / "models/staging" / system
        files[folder / f"_{system}__sources.yml"] = sources_yaml(contract)
        files[_REFERENCE / f"{system}.md"] = reference_page(contract)
    models = DBT_DIR / "models"
    published = [*read_tables(models / "marts"), *read_tables(models / "audit")]
    entities = [
        table for table in read_tables(models / "intermediate") if table.name.endswith("_unioned")
    ]
    staging = {system: read_tables(models / "staging" / system) for system in contracts}
    files[_REFERENCE / "contract.md"] = contract_page()
    files[_REFERENCE / "marts.md"] = marts_page(published, load_layer("marts"))
    files[_REFERENCE / "entities.md"] = entities_page(entities, staging)
    return files


def reference_page(contract: ExportContract) -> str:
    """Return the reference page of one system's files, for whoever exports or maps them."""
    parts = [
        f"# Files of `{contract.system}`",
        f"<!-- {NOTE} -->",
        contract.description,
        f"Drop the files anywhere below `landing/{contract.system}/`. A column marked *required* "
        "must be in the header; a cell of a column marked *filled* must not be empty, or its row "
        "goes to quarantine. All other columns may be left out. The order of the columns does not "
        "matter, and columns that are not listed here are kept in `source_metadata`. How files are "
        "recognised and values read says [reading.md](../reading.md).",
    ]
    for exported in contract.objects:
        parts += [_object_section(exported)]
    return "\n\n".join(parts) + "\n"


def contract_page() -> str:
    """Return the reference page of what a contract may declare."""
    parts = [
        "# Export contracts",
        "<!-- Made from orchestration/lib/contracts.py by `make docs`; change that instead. -->",
        "What may stand under `attributes:` in `orchestration/defs/raw/<system>/defs.yaml`. What "
        "is declared wins; what is left open is decided for "
        "every file from its content ([reading.md](../reading.md)). `crm-warehouse inspect FOLDER "
        "--system <system> --draft FILE` drafts one, and says of a finished one what it makes of "
        "files.",
    ]
    for title, model in (
        ("The system", ExportContract),
        ("An object: an entry of `objects`", ExportObject),
        ("A column: an entry of `columns`", Column),
    ):
        rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
        for name, field in model.model_fields.items():
            kind = _shown_type(field.annotation)
            default = "required" if field.is_required() else _shown_default(field.default)
            rows.append(f"| `{name}` | {kind} | {default} | {field.description} |")
        parts += [f"## {title}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def _shown_type(annotation: Any) -> str:
    """Name a type as a person writes it in YAML."""
    if get_origin(annotation) is Annotated:
        return _shown_type(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        return (
            "list of columns"
            if item is Column
            else ("list of objects" if item is ExportObject else "list of texts")
        )
    if get_origin(annotation) in (Union, UnionType):
        (kind,) = (part for part in get_args(annotation) if part is not type(None))
        return _shown_type(kind)
    return {bool: "true or false", int: "number", str: "text"}[annotation]


def _shown_default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value in (None, (), "") else f"`{value}`"


def _object_section(exported: ExportObject) -> str:
    facts = [
        f"files: {', '.join(f'`{pattern}`' for pattern in exported.files)}",
        f"key: {', '.join(f'`{name}`' for name in exported.key) or 'none'}",
        "full export" if exported.mode == "full" else "full or delta export",
        "a file must have arrived" if exported.required else "optional",
    ]
    if exported.watermark:
        facts.append(f"changed at: `{exported.watermark}`")
    for name in _DECLARED:
        value = getattr(exported, name)
        if value != type(exported).model_fields[name].default:
            shown = ", ".join(value) if isinstance(value, tuple) else value
            facts.append(f"{name.replace('_', ' ')}: `{shown}`")
    has_aliases = any(column.aliases for column in exported.columns)
    rows = [
        "| column | type | | personal | meaning |" + " also called |" * has_aliases,
        "|---|---|---|---|---|" + "---|" * has_aliases,
    ]
    for column in exported.columns:
        duties = [
            word
            for word, holds in (
                ("required", exported.must_be_present(column)),
                ("filled", exported.must_be_filled(column)),
            )
            if holds
        ]
        kind = column.type + (f" `{column.format}`" if column.format else "")
        aliases = ", ".join(f"`{alias}`".replace("|", "\\|") for alias in column.aliases)
        rows.append(
            f"| `{column.name}` | {kind} | {', '.join(duties)} | {column.pii or ''} "
            f"| {column.description} |" + f" {aliases} |" * has_aliases
        )
    said = f"{exported.description} ({'; '.join(facts)})".strip()
    return "\n\n".join([f"## {exported.name}", said, "\n".join(rows)])


def write_generated_files(contracts: Mapping[str, ExportContract]) -> list[Path]:
    """Write the generated files that differ from what is kept; return those that changed."""
    changed = []
    for path, text in generated_files(contracts).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed
