"""What this process works on: the project's folder, the home folder, the systems that are read.

Belongs here: reading the environment, in functions. Does not: anything done with the values.
"""

import difflib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from orchestration.lib.company import Company, CompanyError, load_company
from orchestration.lib.contracts import ExportContract, load_contracts
from orchestration.lib.home import Home
from orchestration.lib.remote_landing import is_remote, mirror_folder

HOME_VARIABLE = "CRM_WAREHOUSE_HOME"
LANDING_VARIABLE = "CRM_WAREHOUSE_LANDING"
SYSTEMS_VARIABLE = "CRM_WAREHOUSE_SYSTEMS"
COMPANY_VARIABLE = "CRM_WAREHOUSE_COMPANY"

PROJECT_ROOT = Path(__file__).resolve().parents[2]
RAW_DEFS = PROJECT_ROOT / "orchestration/defs/raw"


class UnknownSystemError(ValueError):
    """A system was asked for that no contract describes."""


class NoExportsError(ValueError):
    """There is nothing to read, and nothing was published before."""


def home() -> Home:
    """Return the home folder: `CRM_WAREHOUSE_HOME`, else `data` beside the project's files."""
    return Home(Path(os.environ.get(HOME_VARIABLE) or PROJECT_ROOT / "data").resolve())


def landing() -> Path:
    """Return the landing folder: `CRM_WAREHOUSE_LANDING`, else the one in the home folder.

    It holds one folder per system. Who names the folder of the only system itself means the same.
    Of a remote landing folder it is the local mirror.
    """
    chosen = os.environ.get(LANDING_VARIABLE)
    if (url := landing_url()) is not None:
        return mirror_folder(url, home().root)
    folder = Path(chosen).resolve() if chosen else home().landing
    is_of_system = systems() == (folder.name,) and not (folder / folder.name).exists()
    return folder.parent if is_of_system else folder


def is_landing_shared() -> bool:
    """Tell whether the landing folder was named, and not the folder of the only system in it."""
    chosen = os.environ.get(LANDING_VARIABLE)
    return not chosen or is_remote(chosen) or Path(chosen).resolve() == landing()


def landing_url() -> str | None:
    """Return the URL of a landing folder that is not on this machine."""
    chosen = os.environ.get(LANDING_VARIABLE)
    return chosen if chosen and is_remote(chosen) else None


def company_file() -> Path:
    """Return the settings file: `CRM_WAREHOUSE_COMPANY`, else the project's `company.yml`."""
    return Path(os.environ.get(COMPANY_VARIABLE) or PROJECT_ROOT / "company.yml").resolve()


def company() -> Company:
    """Return the company's settings.

    Raises CompanyError; also for a setting about a system that does not exist, which would
    otherwise have no effect without a word.
    """
    settings = load_company(company_file())
    for name, named in (
        ("repeated_order_systems", settings.repeated_order_systems),
        ("identity.trusted_systems", settings.identity.trusted_systems),
        ("service.schedules", [s for plan in settings.service.schedules for s in plan.systems]),
    ):
        for system in sorted(set(named) - set(contracts())):
            raise CompanyError(
                f"{company_file()}: {name}: there is no system {system}; known systems: "
                f"{', '.join(contracts())}"
            )
    known = {f"{c.system}.{exported.name}" for c in contracts().values() for exported in c.objects}
    for name in sorted(set(settings.quarantine_ceilings) - known):
        nearest = difflib.get_close_matches(name, known, 1, 0)[0]
        raise CompanyError(
            f"{company_file()}: quarantine_ceilings: there is no object {name}; "
            f"nearest is {nearest}"
        )
    return settings


@cache
def contracts() -> Mapping[str, ExportContract]:
    """Return the export contract of every system the project knows."""
    return load_contracts(RAW_DEFS)


def systems() -> tuple[str, ...]:
    """Return the systems that are read, sorted: `CRM_WAREHOUSE_SYSTEMS`, else `company.yml`.

    Raises UnknownSystemError for a system without a contract.
    """
    chosen = os.environ.get(SYSTEMS_VARIABLE)
    names = tuple(chosen.split(",")) if chosen else company().systems
    names = tuple(sorted({name.strip() for name in names if name.strip()}))
    unknown = sorted(set(names) - set(contracts()))
    if unknown or not names:
        raise UnknownSystemError(
            f"no export contract for {', '.join(unknown) or 'any system'}; known systems: "
            f"{', '.join(contracts())}. A system is added in {RAW_DEFS.name}/<system>/defs.yaml."
        )
    return names
