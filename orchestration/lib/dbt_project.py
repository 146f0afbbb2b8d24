"""Running the dbt project inside this process.

Belongs here: where the project is, its variables, parsing it once, running a selection of it.
Does not: Dagster (see `dbt_layers.py`), SQL.

dbt runs in-process on a parsed manifest that is kept between runs: starting dbt as a subprocess
for every layer costs its import and a parse each time.
"""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.lib import project
from orchestration.lib.dbt_sources import sources_yaml
from orchestration.lib.project import PROJECT_ROOT

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

DBT_DIR = PROJECT_ROOT / "dbt_project"
DATABASE_VARIABLE = "CRM_WAREHOUSE_DATABASE"
_PARSED = "parsed_project.pickle"


_CONVERTED = (
    "What to do: give the column its type in the export contract, then its row goes to quarantine; "
    "take what is nested in a cell by try_cast, then the gate names file and row of what is none."
)


class DbtError(RuntimeError):
    """dbt failed; the message names the model and the database's own words."""


def entity_sources(systems: Sequence[str]) -> dict[str, list[str]]:
    """Return, per system, the entities that it has a staging model for.

    A model `stg_<system>__<entities>.sql` in the system's folder is all it takes to join an entity.
    """
    return {
        system: sorted(
            path.stem.removeprefix(f"stg_{system}__")
            for path in (DBT_DIR / "models/staging" / system).glob(f"stg_{system}__*.sql")
        )
        for system in systems
    }


def variables(systems: Sequence[str]) -> str:
    """Return the dbt variables as the JSON text that dbt's `--vars` takes."""
    ordered = sorted(systems)
    return json.dumps({"systems": ordered, "entity_sources": entity_sources(ordered)})


def target_dir(systems: Sequence[str]) -> Path:
    """Return the folder of the parsed project: another one for other files, variables or dbt.

    Looked at once per process: a run must not change its models halfway.
    """
    return _target_dir(tuple(sorted(systems)))


@cache
def _target_dir(systems: tuple[str, ...]) -> Path:
    digest = hashlib.sha256(f"{version('dbt-core')} {variables(systems)}".encode())
    for path in sorted(_project_files()):
        digest.update(str(path.relative_to(DBT_DIR)).encode() + b"\0" + path.read_bytes())
    return DBT_DIR / "target" / digest.hexdigest()[:16]


def manifest_path(systems: Sequence[str]) -> Path:
    """Return the parsed project as `manifest.json`; parse it first where that was not done yet."""
    folder = target_dir(systems)
    manifest = folder / "manifest.json"
    wanting = [
        text
        for system in sorted(systems)
        for text in missing_parts(system) or changed_contract(system)
    ]
    if wanting:
        raise DbtError("\n".join(wanting))
    if not manifest.exists() or not (folder / _PARSED).exists():
        # In a folder of its own until it is whole: two processes may parse at the same time.
        working = folder.with_name(f".{folder.name}-{os.getpid()}")
        _invoke(["parse"], None, systems, working, None)
        _keep_parsed(working)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (_PARSED, "manifest.json"):
            (working / name).replace(folder / name)
        shutil.rmtree(working)
    return manifest


def missing_parts(system: str, staging: Path = DBT_DIR / "models/staging") -> list[str]:
    """Say what a system lacks in `staging` that dbt would miss in words of its own, and whence."""
    how = "README.md, How to add a source system"
    folder = staging / system
    if not any(folder.glob(f"stg_{system}__*.sql")):
        return [f"{system} has no staging models: write stg_{system}__<entities>.sql ({how})"]
    remedies = {
        f"stg_{system}__control_totals.sql": f"write it ({how})",
        f"_{system}__sources.yml": "crm-warehouse docs makes it",
        f"_{system}__models.yml": "crm-warehouse docs drafts it",
    }
    return [
        f"{folder.name}/{name} is missing from dbt_project/models/staging: {remedy}"
        for name, remedy in remedies.items()
        if not (folder / name).exists()
    ]


def changed_contract(system: str, staging: Path = DBT_DIR / "models/staging") -> list[str]:
    """Say that dbt's sources of a system are not those of its contract, where they are not.

    Staging would go by the key, the watermark or the time zone that the contract had before.
    """
    sources = staging / system / f"_{system}__sources.yml"
    if sources.read_text(encoding="utf-8") == sources_yaml(project.contracts()[system]):
        return []
    return [
        f"the contract of {system} was changed and {sources.name} was not made anew from it: "
        "run crm-warehouse docs"
    ]


def read_manifest(systems: Sequence[str]) -> Mapping[str, Any]:
    """Return the parsed project as dbt's manifest dictionary."""
    return _read_manifest(manifest_path(systems))


def personal_data_tag(column: Mapping[str, Any]) -> str:
    """Return how a column of dbt's manifest is tagged: direct, quasi, or nothing when it is not."""
    meta = column.get("config", {}).get("meta") or column.get("meta") or {}
    return str(meta.get("pii", ""))


@cache
def _read_manifest(path: Path) -> Mapping[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def run_dbt(arguments: Sequence[str], database: Path, systems: Sequence[str]) -> list[Any]:
    """Run one dbt command on `database` and return the results of its nodes.

    Raises DbtError naming every failed node.
    """
    manifest_path(systems)
    folder = target_dir(systems)
    parsed = _parsed_project(folder / _PARSED, is_testing=arguments[0] == "test")
    # Without its own JSON files: another process may be reading the manifest just then.
    return _invoke([*arguments, "--no-write-json"], database, systems, folder, parsed)


def _keep_parsed(folder: Path) -> None:
    """Keep what dbt parsed in a form that is there at once.

    To read its own form (MessagePack) dbt first generates code for every class: .40 CPU s in every
    run, .09 pickled.
    """
    from dbt.contracts.graph.manifest import Manifest

    parsed = Manifest.from_msgpack((folder / "partial_parse.msgpack").read_bytes())
    parsed.files = {}  # by which a next parse would know what has changed
    (folder / _PARSED).write_bytes(pickle.dumps(parsed))


@cache
def _parsed_project(path: Path, *, is_testing: bool) -> "Manifest":
    """Return what dbt parsed; its tests, most of it, only to run them.

    Every command makes a graph of all that there is and goes through it several times.
    """
    parsed: Manifest = pickle.loads(path.read_bytes())
    if not is_testing:
        parsed.nodes = {
            name: node for name, node in parsed.nodes.items() if node.resource_type != "test"
        }
        parsed.unit_tests = {}
    parsed.build_flat_graph()  # `graph` of the macros; dbt builds it only when it parses itself
    return parsed


def _invoke(
    arguments: Sequence[str],
    database: Path | None,
    systems: Sequence[str],
    folder: Path,
    manifest: "Manifest | None",
) -> list[Any]:
    from dbt.cli.main import dbtRunner
    from dbt_common.behavior_flags import BehaviorFlagRendered
    from dbt_common.tests import enable_test_caching

    # Who set a flag of dbt, which only a warning would tell. dbt looks for it through the source
    # files of the whole stack and all modules: .3 CPU s in every command.
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt")  # type: ignore[method-assign]
    # Keeps which plugins are installed, and how the project's Jinja reads, for the next command.
    enable_test_caching()
    checking = _unchecked() if manifest else nullcontext()
    with _environment(database), _closing_database(), checking:
        outcome = dbtRunner(manifest=manifest).invoke(
            [
                *arguments,
                *("--project-dir", str(DBT_DIR)),
                *("--profiles-dir", str(DBT_DIR)),
                *("--target-path", str(folder)),
                *("--log-path", str(folder)),
                *("--log-level-file", "none"),
                *("--vars", variables(systems)),
                "--cache-selected-only",  # else it lists the tables of every schema first
                *("--log-level", "none"),  # failures are raised, with the database's words
                "--no-use-colors",
            ]
        )
    if outcome.exception:
        raise DbtError(f"dbt {arguments[0]}: {outcome.exception}") from outcome.exception
    results = list(getattr(outcome.result, "results", []))
    failed = [result for result in results if result.status in ("error", "fail")]
    if failed or not outcome.success:
        raise DbtError(
            "\n".join(f"dbt: {result.node.name}: {_told(result.message)}" for result in failed)
            or f"dbt {arguments[0]} failed without naming a model"
        )
    return results


@contextmanager
def _unchecked() -> Iterator[None]:
    """Take dbt's own settings as they are: the same were checked when the project was parsed.

    The JSON schemas to check them against, made anew in every process, take .3 CPU s.
    """
    from dbt_common.dataclass_schema import dbtClassMixin

    validate = vars(dbtClassMixin)["validate"]
    unchecked: Any = classmethod(lambda cls, data: None)
    dbtClassMixin.validate = unchecked  # type: ignore[method-assign]
    try:
        yield
    finally:
        dbtClassMixin.validate = validate  # type: ignore[method-assign]


def _told(message: str | None) -> str:
    """Leave out of a message of dbt by which macros it came about; say how a cell is made known.

    The database names neither the file nor the row of a cell that is not of its type.
    """
    lines = str(message).splitlines()
    calls = ("> in macro ", "> called by ")
    told = "\n".join(line for line in lines if not line.strip().startswith(calls)).rstrip()
    return f"{told}\n{_CONVERTED}" if "Conversion Error" in told else told


@contextmanager
def _environment(database: Path | None) -> Iterator[None]:
    """Point the dbt profile at `database`; dbt reads it from the environment."""
    before = os.environ.get(DATABASE_VARIABLE)
    if database is not None:
        os.environ[DATABASE_VARIABLE] = str(database)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(DATABASE_VARIABLE, None)
        else:
            os.environ[DATABASE_VARIABLE] = before


@contextmanager
def _closing_database() -> Iterator[None]:
    """Let go of the database when the command is done: gates and publication open it next.

    `keep_open: false` in the profile would let go after every model, which opens the file, checks
    it and writes a checkpoint once per model.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    try:
        yield
    finally:
        environment = DuckDBConnectionManager._ENV
        if environment is not None:
            environment.close()
        DuckDBConnectionManager.close_all_connections()


def _project_files() -> Iterator[Path]:
    for pattern in ("*.yml", "models/**/*", "macros/**/*", "seeds/**/*", "tests/**/*"):
        yield from (path for path in DBT_DIR.glob(pattern) if path.is_file())
