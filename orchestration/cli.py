"""The command line `crm-warehouse`.

Belongs here: arguments, exit codes, what is printed. Does not: the work itself (`lib/`).
Exit codes: 0 published or nothing to do, 1 error, 2 stopped by a gate (or would be).
"""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from expectations.suites import SuiteError
from orchestration.lib import project
from orchestration.lib.builds import RunLockedError, exclusive_run
from orchestration.lib.company import CompanyError
from orchestration.lib.contracts import ContractError
from orchestration.lib.dbt_project import DbtError
from orchestration.lib.explain import UnknownCustomerError, UnknownNumberError
from orchestration.lib.progress import report
from orchestration.lib.publication import (
    PublicationError,
    current_version,
    read_manifest,
    rollback,
    versions,
)
from orchestration.lib.remote_landing import RemoteLandingError, fetch, is_remote, shown

if TYPE_CHECKING:
    import duckdb

PUBLISHED, ERROR, STOPPED = 0, 1, 2
EXPECTED_ERRORS = (
    CompanyError,
    ContractError,
    DbtError,
    PublicationError,
    RemoteLandingError,
    RunLockedError,
    SuiteError,
    UnknownCustomerError,
    UnknownNumberError,
    project.NoExportsError,
    project.UnknownSystemError,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From a folder of raw CRM exports to trusted, published customer marts.",
)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the warehouse; default CRM_WAREHOUSE_HOME or ./data."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process; expected errors are one sentence and exit code 1.

    Typer would end with 2 where an option is wrong, which here says that a gate stopped the run.
    """
    try:
        sys.exit(app(arguments, standalone_mode=False))
    except typer.Abort:
        sys.exit(ERROR)
    except TyperException as error:
        if message := error.format_message():  # without a command the help was printed instead
            typer.echo(f"crm-warehouse: {message} See crm-warehouse --help.", err=True)
        sys.exit(ERROR)
    except Exception as error:
        expected = _expected_cause(error)
        if expected is None:
            raise
        typer.echo(f"crm-warehouse: {expected}", err=True)
        sys.exit(ERROR)


def _expected_cause(error: BaseException | None) -> BaseException | None:
    """Return what a person can mend; Dagster wraps what is raised while it loads definitions."""
    while error is not None and not isinstance(error, EXPECTED_ERRORS):
        error = error.__cause__
    return error


@app.command()
def run(
    landing: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL (s3://, sftp://) with one folder of exports per system, or the "
            "folder of the one system named in --systems; default <home>/landing."
        ),
    ] = None,
    home: HomeOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Rebuild this day from what was exported by then."),
    ] = None,
    systems: Annotated[
        str | None, typer.Option(help="Systems to read, separated by commas; default company.yml.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Everything from exports to published marts."""
    _choose(home, landing, systems)
    from orchestration.lib.release import as_json, is_up_to_date, landed_files

    day = as_of.date() if as_of else None
    published = project.home().published
    url = project.landing_url()
    report(f"looking at {shown(url) if url else project.landing()}")
    if url:
        with exclusive_run(project.home()):
            fetch(url, project.home().root, project.systems(), report)
    landed = landed_files(project.systems(), project.landing(), project.home().raw)
    _tell_unread(any(landed.values()) or current_version(published) is not None)
    if is_up_to_date(published, landed, project.company(), day):
        release = read_manifest(published)
        if json_output:
            typer.echo(as_json({"status": "published", "new": False, **release}))
        else:
            typer.echo(
                f"Nothing is new: version {release['version']}, as of {release['as_of']}, holds "
                f"all {sum(len(files) for files in landed.values())} files of "
                f"{shown(url) if url else project.landing()}.\nSee crm-warehouse status."
            )
        raise typer.Exit(PUBLISHED)

    report("loading Dagster and dbt")
    from orchestration.lib.pipeline import run_job
    from orchestration.lib.summary import error_summary, published_summary, stopped_summary

    outcome = run_job(day)
    current = current_version(published)
    if json_output:
        content = {
            "status": outcome.status,
            "run_id": outcome.run_id,
            "new": True,
            "errors": outcome.errors,
            "gates_failed": [vars(gate) for gate in outcome.gates],
        }
        typer.echo(as_json(content | (read_manifest(published) if current else {})))
    elif outcome.status == "published":
        typer.echo("\n" + published_summary(read_manifest(published), project.home()))
    elif outcome.status == "stopped":
        typer.echo("\n" + stopped_summary(outcome, project.home(), current), err=True)
    else:
        typer.echo("\n" + error_summary(outcome, current), err=True)
    raise typer.Exit({"published": PUBLISHED, "stopped": STOPPED, "error": ERROR}[outcome.status])


def _tell_unread(has_exports: bool) -> None:
    """Report what lies in landing and is not read; raise when there is nothing else."""
    from orchestration.lib.reading.sources import unread_places

    folder, systems, contracts = project.landing(), project.systems(), project.contracts()
    places = unread_places(folder, systems) if project.is_landing_shared() else {}
    for name, count in places.items():
        files = f"{count} file{'s' if count > 1 else ''}"
        if name in contracts:
            why = "add it to `systems` in company.yml or name it in --systems"
        else:
            why = "no system of this name is described, see `crm-warehouse inspect`"
        report(f"not read: {name} ({files}): {why}")
    if not has_exports:
        known = [name for name in places if name in contracts]
        raise project.NoExportsError(
            f"there is no export file of {', '.join(systems)} in {folder}; every system has "
            f"its own folder there, such as {folder / systems[0]}"
            + (f". To read what is there: --systems {','.join(known)}" if known else "")
        )


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    customers: Annotated[int, typer.Option(min=1, help="Customers of the made-up company.")] = 2000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal files.")] = 1,
    as_of: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Day of the last export.")
    ] = datetime(2026, 11, 1),
    days_of_deltas: Annotated[
        int, typer.Option(min=0, help="Days exported one by one after the full export.")
    ] = 0,
    systems: Annotated[
        str,
        typer.Option(
            help="canonical (everything in our templates), vendors (everything spread over their "
            "systems), all (both: every event twice), or names with commas between."
        ),
    ] = "canonical",
    dirt: Annotated[
        str,
        typer.Option(help="none, realistic, or kind=rate pairs, e.g. encoding=0.2,bad_rows=0.01."),
    ] = "none",
) -> None:
    """Make realistic exports of a made-up company, with the truth beside them."""
    from samples import parse_dirt, parse_systems, write_exports

    try:
        summary = write_exports(
            out,
            customers=customers,
            seed=seed,
            as_of=as_of.date(),
            days_of_deltas=days_of_deltas,
            systems=parse_systems(systems),
            dirt=parse_dirt(dirt),
            report=report,
        )
    except (FileExistsError, ValueError) as error:  # what the arguments or the folder do not allow
        typer.echo(f"crm-warehouse: {error}", err=True)
        raise typer.Exit(ERROR) from error
    typer.echo(
        f"{sum(summary.rows.values()):,} rows of {len(summary.rows)} objects in {summary.files} "
        f"files are in {out}; who is who and what was planted stands in {out / 'truth'}."
    )


@app.command()
def status(home: HomeOption = None, json_output: JsonOption = False) -> None:
    """Tell what readers see now: version, as-of day, age, gates, quarantine, reconciliation."""
    _choose(home)
    from orchestration.lib.release import as_json
    from orchestration.lib.summary import status_text

    published = project.home().published
    release = read_manifest(published) if current_version(published) else None
    age = None
    if release:
        built = datetime.fromisoformat(release["built_at"])
        age = (datetime.now(UTC) - built).total_seconds() / 86_400
    if json_output:
        typer.echo(as_json(release and {**release, "age_days": age}))
    else:
        typer.echo(status_text(release, published, age))


@app.command()
def inspect(
    path: Annotated[
        Path, typer.Argument(exists=True, help="An export file, packed or not, or a folder.")
    ],
    system: Annotated[
        str | None,
        typer.Option(
            help="System whose contract to go by, or that is to be added; default: found by "
            "folder, names and columns."
        ),
    ] = None,
    draft: Annotated[
        Path | None,
        typer.Option(help="File to write the contract to that is drafted for unknown layouts."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Try export files: what they are, what would land and what not; changes nothing.

    Exit code 0: every row would land, or will by the contract that was drafted (--draft); 2: some
    rows or files would not.
    """
    from orchestration.lib.inspection import as_content, as_text
    from orchestration.lib.inspection import inspect as inspect_files
    from orchestration.lib.release import as_json

    if draft is not None and draft.exists():
        typer.echo(
            f"crm-warehouse: {draft} exists and may hold what somebody wrote: draft to another "
            "file and copy the new objects, or remove it",
            err=True,
        )
        raise typer.Exit(ERROR)
    found = inspect_files(path, project.contracts(), system, report)
    if not found.files:
        typer.echo(f"crm-warehouse: there is no export file in {path}", err=True)
        raise typer.Exit(ERROR)
    typer.echo(as_json(as_content(found)) if json_output else as_text(found))
    if draft is not None and found.draft is not None:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(found.draft, encoding="utf-8")
        report(f"the drafted contract is in {draft}")
    lands = found.lands_whole if draft is None else found.lands_with_draft
    raise typer.Exit(PUBLISHED if lands else STOPPED)


@app.command()
def quarantine(
    system: Annotated[
        str | None, typer.Option(help="One system; default: all that have landed files.")
    ] = None,
    landing: Annotated[
        str | None, typer.Option(help="Folder or URL the run read; default <home>/landing.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="File to write all rows to.")] = None,
    home: HomeOption = None,
    json_output: JsonOption = False,
) -> None:
    """List the rows that did not get in, with reasons; personal values are masked."""
    _choose(home, landing, system)
    from orchestration.lib.quarantine import as_content, as_text, rows_aside, write_csv
    from orchestration.lib.release import as_json, published_files

    folders = project.home()
    names = project.systems() if system else sorted(project.contracts())
    contracts = [
        project.contracts()[name]
        for name in names
        if (folders.raw / name).is_dir() or (project.landing() / name).is_dir()
    ]
    aside = rows_aside(
        contracts,
        project.landing(),
        folders.raw,
        {c.system: published_files(folders.published, c.system) for c in contracts},
    )
    if csv is not None:
        write_csv(aside, csv)
        report(f"{len(aside.rows):,} rows are in {csv}")
    if json_output:
        typer.echo(as_json(as_content(aside)))
    else:
        typer.echo(as_text(aside, project.company().ceiling_of))


@app.command()
def review(
    csv: Annotated[Path, typer.Option(help="File to write the pairs to.")],
    home: HomeOption = None,
) -> None:
    """Write the pairs of records that a person has to judge to a file for a spreadsheet.

    Fill its column answer with same or different, leave open what nobody knows, and put the file
    into landing/canonical as identity_answers_<day>.csv, canonical being one of the systems that
    are run. A later file with the answer withdrawn takes it back. It holds names and addresses.
    """
    _choose(home)
    from orchestration.lib.review import review_list, write_review_list

    with _published_marts() as con:
        pairs = review_list(con)
    write_review_list(pairs, csv)
    typer.echo(
        f"{len(pairs.rows):,} pairs are in {csv}. Fill the column answer with same or different "
        "and put the file into the landing folder as canonical/identity_answers_<day>.csv; "
        "canonical must be one of the systems that are run."
    )


@app.command(name="versions")
def list_versions(home: HomeOption = None, json_output: JsonOption = False) -> None:
    """List the published versions; the current one is marked."""
    _choose(home)
    from orchestration.lib.release import as_json

    found = versions(project.home().published)
    if json_output:
        typer.echo(
            as_json(
                [{"version": v.version, "is_current": v.is_current, **v.manifest} for v in found]
            )
        )
        return
    for info in found:
        rows = sum(table["row_count"] for table in info.manifest["tables"])
        typer.echo(
            f"{'*' if info.is_current else ' '} {info.version}  as of {info.manifest['as_of']}  "
            f"built {info.manifest['built_at']}  {rows:,} rows"
        )
    if not found:
        typer.echo(f"Nothing is published in {project.home().published}.")


@app.command(name="rollback")
def roll_back(
    version: Annotated[str, typer.Argument(help="A version that `versions` lists.")],
    home: HomeOption = None,
) -> None:
    """Make an earlier version current again; readers see it with their next query."""
    _choose(home)
    info = rollback(project.home().published, version)
    typer.echo(
        f"Version {info.version}, as of {info.manifest['as_of']}, is current. The next run starts "
        "from its files and those in landing: take a bad file out of landing before you run again."
    )


explain = typer.Typer(no_args_is_help=True, help="Tell where a customer or a number comes from.")
app.add_typer(explain, name="explain")


@explain.command(name="customer")
def explain_a_customer(
    key: Annotated[
        str,
        typer.Argument(help="customer_key, a former one, a record as system:id, or an e-mail."),
    ],
    home: HomeOption = None,
    json_output: JsonOption = False,
) -> None:
    """Tell which source records are one customer, by which rules, and what was not joined."""
    _choose(home)
    from orchestration.lib.explain import customer_text, explain_customer
    from orchestration.lib.release import as_json, personal_columns

    with _published_marts() as con:
        found = explain_customer(con, key, personal_columns("dim_customers", _systems_of(con)))
    typer.echo(as_json(found) if json_output else customer_text(found))


@explain.command(name="number")
def explain_a_number(
    table: Annotated[str, typer.Argument(help="Published table, e.g. dim_customers.")],
    key: Annotated[str, typer.Argument(help="Key of the row; parts separated by commas.")],
    column: Annotated[str, typer.Argument(help="Column, e.g. net_revenue.")],
    home: HomeOption = None,
    json_output: JsonOption = False,
) -> None:
    """Tell from which columns and rows of the exports a published number comes."""
    _choose(home)
    from orchestration.lib.explain import explain_number, number_text
    from orchestration.lib.release import as_json, keys, published_lineage

    with _published_marts() as con:
        systems = _systems_of(con)
        found = explain_number(
            con,
            project.home().warehouse,
            published_lineage(systems),
            table,
            key,
            column,
            keys(systems).get(table, ["customer_key"]),
        )
    typer.echo(as_json(found) if json_output else number_text(found))


@app.command()
def ui(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Port of the page.")] = 3000,
) -> None:
    """Open the Dagster UI on this warehouse; stop with Ctrl-C."""
    _choose(home)
    from dagster import DagsterInstance

    from orchestration.lib.dagster_home import end_killed_runs, prepare_dagster_home

    prepare_dagster_home(project.home())
    with DagsterInstance.get() as instance:
        end_killed_runs(instance, project.home())
    os.environ[project.HOME_VARIABLE] = str(project.home().root)
    dagster = Path(sys.executable).with_name("dagster")
    typer.echo(f"Dagster UI on http://127.0.0.1:{port}")
    sys.stdout.flush()
    # This process becomes Dagster's, so that whatever ends it ends Dagster and its children.
    os.chdir(project.PROJECT_ROOT)
    address = ["-h", "127.0.0.1", "-p", str(port)]
    os.execv(dagster, [str(dagster), "dev", "-w", "workspace.yaml", *address])


@app.command()
def docs() -> None:
    """Write the files that are made from contracts and models (make docs).

    Staging models that nobody has described yet get documentation and suites to start from.
    """
    from orchestration.lib.dbt_project import DBT_DIR
    from orchestration.lib.generated import write_generated_files
    from orchestration.lib.staging_draft import draft_missing

    suites = project.PROJECT_ROOT / "expectations/staging"
    try:
        drafted = draft_missing(DBT_DIR, suites, project.contracts())
    except ValueError as error:  # a model whose columns cannot be told
        typer.echo(f"crm-warehouse: {error}", err=True)
        raise typer.Exit(ERROR) from error
    for path in drafted:
        typer.echo(f"drafted: {path.relative_to(project.PROJECT_ROOT)}; check it")
    for path in write_generated_files(project.contracts()):
        typer.echo(f"written: {path.relative_to(project.PROJECT_ROOT)}")


def _published_marts() -> "duckdb.DuckDBPyConnection":
    """Open the current version as BI tools do; PublicationError where there is none."""
    import duckdb

    read_manifest(project.home().published)  # says so where nothing is published
    return duckdb.connect(
        str(project.home().published / "current" / "customer_marts.duckdb"), read_only=True
    )


def _systems_of(con: "duckdb.DuckDBPyConnection") -> list[str]:
    """Return the systems that a published version was made from, whatever is enabled today."""
    found = con.execute("select distinct system from audit.input_files order by system").fetchall()
    return [system for (system,) in found]


def _choose(
    home: Path | None = None, landing: str | None = None, systems: str | None = None
) -> None:
    """Let the options win over the environment; the definitions read the environment."""
    for variable, value in (
        (project.HOME_VARIABLE, home and home.resolve()),
        (
            project.LANDING_VARIABLE,
            landing if landing is None or is_remote(landing) else Path(landing).resolve(),
        ),
        (project.SYSTEMS_VARIABLE, systems),
    ):
        if value:
            os.environ[variable] = str(value)


def _resolved(landing: str) -> str:
    """Return a folder independent of the working directory; a URL is that already."""
    return landing if is_remote(landing) else str(Path(landing).resolve())
