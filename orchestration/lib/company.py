"""What the company decides: `company.yml` as a checked object.

Belongs here: the settings, their defaults and bounds. Does not: using them.
"""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Share = Annotated[float, Field(ge=0, le=1)]


class CompanyError(ValueError):
    """`company.yml` cannot be used; the message says which line to change."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HardIdentifier(_Strict):
    """An identifier that a system keeps unique: how far a link by it is trusted."""

    reliability: Share


class SharedIdentifier(HardIdentifier):
    """An identifier that people may share: beyond `limit` records it joins nobody."""

    limit: int = Field(default=5, ge=2)


class Identity(_Strict):
    """The identifiers that join records of one customer."""

    external_id: HardIdentifier = HardIdentifier(reliability=1.0)
    email: SharedIdentifier = SharedIdentifier(reliability=0.98)
    phone: SharedIdentifier = SharedIdentifier(reliability=0.95)


class Company(_Strict):
    """Every setting, with the default that holds where `company.yml` says nothing."""

    company_name: str = "Example Company"
    systems: tuple[str, ...] = ("canonical",)
    phone_region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    margin_rate: Share = 0.30
    annual_discount_rate: Annotated[float, Field(ge=0, lt=1)] = 0.10
    rfm_window_days: Annotated[int, Field(gt=0)] | None = None
    value_tier_core_share: Share = 0.20
    value_tier_growth_rate: Annotated[float, Field(ge=0)] = 0.25
    small_sample_size: Annotated[int, Field(ge=1)] = 30
    identity: Identity = Identity()
    quarantine_ceiling: Share = 0.01
    largest_shrink: Share = 0.50
    published_versions_kept: Annotated[int, Field(ge=2)] = 10


def load_company(path: Path) -> Company:
    """Read `company.yml`; a missing file or line means the default.

    Raises CompanyError with one line per problem: file, key, what is wrong.
    """
    if not path.exists():
        return Company()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise CompanyError(f"{path}: is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise CompanyError(f"{path}: expected `setting: value` lines")
    try:
        return Company.model_validate(content)
    except ValidationError as error:
        raise CompanyError(
            "\n".join(
                f"{path}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors()
            )
        ) from error
