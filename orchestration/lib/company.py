"""What the company decides: `company.yml` as a checked object.

Belongs here: the settings, their defaults and bounds. Does not: using them.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from models.service.business_hours import weekly_hours
from orchestration.lib.contracts import YAML_LOADER
from orchestration.lib.kpi_targets import KpiTarget, KpiTargetsError, read_kpi_targets

Share = Annotated[float, Field(ge=0, le=1)]


class CompanyError(ValueError):
    """`company.yml` cannot be used; the message says which line to change."""


def _is_a_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name} is no IANA time zone such as Europe/Berlin") from error
    return name


TimeZone = Annotated[str, AfterValidator(_is_a_time_zone)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExternalIdentifier(_Strict):
    """An id of another system that a record carries; `reliability` is the score of the link."""

    reliability: Share = 1.0


class SharedIdentifier(_Strict):
    """An identifier that people may share: with more names than `limit` it joins nobody."""

    reliability: Share
    limit: int = Field(default=10, ge=2)


class Email(SharedIdentifier):
    """A mailbox."""

    reliability: Share = 0.98


class Phone(SharedIdentifier):
    """A phone number, together with the name."""

    reliability: Share = 0.95


class Domain(SharedIdentifier):
    """The website of an organisation, or the domain of its mailbox; together with the name."""

    reliability: Share = 0.97


class NameAndAddress(_Strict):
    """The name of an organisation at its street and place."""

    reliability: Share = 0.95


class OrganisationName(SharedIdentifier):
    """The name of an organisation, where place and website do not speak against it."""

    reliability: Share = 0.93


class OnlyOfName(_Strict):
    """A name, for a record that says nothing else, where one customer alone bears it.

    A firm's counts with its words in another order, a misprint or a word written short, too.
    """

    reliability: Share = 0.9


class PersonalIdentifier(SharedIdentifier):
    """An id given to one person; where it is `unique`, two different ones never meet in a customer.

    Not unique is what is typed by hand and therefore misprinted, or given again after a loss.
    """

    reliability: Share = 0.99
    unique: bool = True


class Matching(_Strict):
    """The statistical comparison of records that no identifier joins (Splink).

    Pairs from `match_threshold` on are joined, those from `review_threshold` on are put to a
    person. Fewer than `minimum_records` teach a model nothing. `pairs_per_record` bounds the work:
    a reason to compare (same birth date and family name, …) is used as far as it makes no more.
    """

    enabled: bool = True
    match_threshold: Share = 0.6
    review_threshold: Share = 0.3
    minimum_records: int = Field(default=50, ge=2)
    pairs_per_record: Annotated[float, Field(gt=0)] = 3.0
    largest_customer: int = Field(default=25, ge=2)
    seed: int = 20_260_101

    @model_validator(mode="after")
    def _ordered(self) -> "Matching":
        if self.review_threshold > self.match_threshold:
            raise ValueError("review_threshold must not be above match_threshold")
        return self


class Identity(_Strict):
    """What joins the records of one customer."""

    external_id: ExternalIdentifier = ExternalIdentifier()
    national_id: PersonalIdentifier = PersonalIdentifier()
    loyalty_number: PersonalIdentifier = PersonalIdentifier()
    email: Email = Email()
    phone: Phone = Phone()
    domain: Domain = Domain()
    name_and_address: NameAndAddress = NameAndAddress()
    organisation_name: OrganisationName = OrganisationName()
    only_of_name: OnlyOfName = OnlyOfName()
    matching: Matching = Matching()
    trusted_systems: tuple[str, ...] = ()


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_OFFICE_HOURS: Mapping[Weekday, tuple[str, ...]] = {
    "monday": ("09:00-18:00",),
    "tuesday": ("09:00-18:00",),
    "wednesday": ("09:00-18:00",),
    "thursday": ("09:00-18:00",),
    "friday": ("09:00-18:00",),
}
Minutes = Annotated[int, Field(gt=0)]
# Priorities are compared in lower case.
Priority = Annotated[str, Field(pattern="^[^A-Z]+$")]


class ServiceSchedule(_Strict):
    """Opening hours of the service, for the cases of some systems and channels or for all."""

    name: str = "default"
    time_zone: TimeZone = "UTC"
    hours: Mapping[Weekday, tuple[str, ...]] = _OFFICE_HOURS
    holiday_country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    holiday_subdivision: str | None = None
    holidays: tuple[date, ...] = ()
    systems: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    @field_validator("hours")
    @classmethod
    def _are_hours(
        cls, hours: Mapping[Weekday, tuple[str, ...]]
    ) -> Mapping[Weekday, tuple[str, ...]]:
        for spans in hours.values():
            weekly_hours(spans)
        return hours


class ServiceTarget(_Strict):
    """Minutes that a case of one priority may take; a clock without a target is not judged."""

    clock: Literal["business", "calendar"] = "business"
    first_response: Minutes | None = None
    next_response: Minutes | None = None
    resolution: Minutes | None = None


class Service(_Strict):
    """How service is measured: opening hours, promises, and how long is long enough to judge."""

    schedules: tuple[ServiceSchedule, ...] = (ServiceSchedule(),)
    targets: Mapping[Priority, ServiceTarget] = {
        "urgent": ServiceTarget(
            clock="calendar", first_response=60, next_response=120, resolution=1440
        ),
        "high": ServiceTarget(first_response=120, next_response=240, resolution=1080),
        "normal": ServiceTarget(first_response=480, next_response=540, resolution=2700),
        "low": ServiceTarget(first_response=1080, next_response=1080, resolution=5400),
    }
    first_contact_days: Annotated[int, Field(ge=1)] = 7
    answer_days: Annotated[int, Field(ge=1)] = 14
    recovery_days: Annotated[int, Field(ge=1)] = 180

    @model_validator(mode="after")
    def _every_case_has_a_schedule(self) -> Self:
        names = [schedule.name for schedule in self.schedules]
        if len(set(names)) < len(names):
            raise ValueError("two schedules have the same name")
        if not names or self.schedules[-1].systems or self.schedules[-1].channels:
            raise ValueError(
                "the last schedule must be for all cases: leave out its systems and channels"
            )
        return self


class Journey(_Strict):
    """Where the stages of a customer's journey end."""

    loyal_purchase_days: Annotated[int, Field(ge=3)] = 4
    inactive_days: Annotated[int, Field(ge=1)] = 365


class LoyaltyWeights(_Strict):
    """What each of the seven loyalty indicators weighs; an unknown one leaves its weight behind."""

    repeat_purchase: Share = 0.20
    spend: Share = 0.15
    cross_buy: Share = 0.10
    word_of_mouth: Share = 0.15
    satisfaction: Share = 0.15
    retention: Share = 0.15
    lifetime_value: Share = 0.10


class KeyAccountWeights(_Strict):
    """How much each criterion counts; only their proportions matter."""

    sales_amount: Annotated[float, Field(ge=0)] = 0.30
    volume: Annotated[float, Field(ge=0)] = 0.10
    overdue: Annotated[float, Field(ge=0)] = 0.15
    purchase_cycle: Annotated[float, Field(ge=0)] = 0.15
    tenure: Annotated[float, Field(ge=0)] = 0.10
    growth: Annotated[float, Field(ge=0)] = 0.10
    concentration: Annotated[float, Field(ge=0)] = 0.10

    @model_validator(mode="after")
    def _something_counts(self) -> "KeyAccountWeights":
        if not any(self.model_dump().values()):
            raise ValueError("at least one weight must be above 0")
        return self


class KeyAccounts(_Strict):
    """Who is a key account: the best `count` by weighted score over the last `period_days`."""

    count: Annotated[int, Field(ge=1)] = 50
    period_days: Annotated[int, Field(ge=30)] = 365
    decline_rate: Share = 0.25
    weights: KeyAccountWeights = KeyAccountWeights()


class Retention(_Strict):
    """When a customer is at risk, and when lost."""

    at_risk_interval_stretch: Annotated[float, Field(ge=1)] = 2.0
    lost_interval_stretch: Annotated[float, Field(ge=1)] = 4.0
    lost_after_days: Annotated[int, Field(ge=1)] = 365
    spend_window_days: Annotated[int, Field(ge=1)] = 180
    spend_fall_rate: Share = 0.50
    satisfaction_fall_points: Annotated[float, Field(gt=0, le=100)] = 20.0


class Offers(_Strict):
    """What may be offered, and how many customers an affinity must be seen in to be believed."""

    excluded_categories: tuple[str, ...] = ()
    prior_customers: Annotated[float, Field(gt=0)] = 30.0


class Organisations(_Strict):
    """When customers are one household.

    `largest_household`: more people of one name at one address are a building.
    """

    largest_household: Annotated[int, Field(ge=2)] = 8


class Subscriptions(_Strict):
    """What counts as a contract: products that are renewed."""

    categories: tuple[str, ...] = ("Subscription",)
    grace_share: Share = 0.5


class CustomerValue(_Strict):
    """How the future and the network of a customer are valued."""

    lifetime_years: Annotated[int, Field(ge=1, le=10)] = 3
    potential_quantile: Annotated[float, Field(gt=0, lt=1)] = 0.80
    referred_anyway_share: Share = 0.50


class Care(_Strict):
    """When the care calendar reminds of what."""

    # A year would bring the same birthday twice.
    horizon_days: Annotated[int, Field(ge=1, le=365)] = 30
    follow_up_after_days: Annotated[int, Field(ge=0)] = 3
    survey_after_days: Annotated[int, Field(ge=0)] = 7
    survey_pause_days: Annotated[int, Field(ge=0)] = 90


class Company(_Strict):
    """Every setting, with the default that holds where `company.yml` says nothing."""

    company_name: str = "Example Company"
    systems: tuple[str, ...] = ("canonical",)
    repeated_order_systems: tuple[str, ...] = ()
    phone_region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    time_zone: TimeZone = "UTC"
    margin_rate: Share = 0.30
    annual_discount_rate: Annotated[float, Field(ge=0, lt=1)] = 0.10
    rfm_window_days: Annotated[int, Field(gt=0)] | None = None
    value_tier_core_share: Share = 0.20
    value_tier_growth_rate: Annotated[float, Field(ge=0)] = 0.25
    small_sample_size: Annotated[int, Field(ge=1)] = 30
    subscriptions: Subscriptions = Subscriptions()
    customer_value: CustomerValue = CustomerValue()
    loyalty_point_value: Annotated[float, Field(ge=0)] = 0.01
    programme_window_days: Annotated[int, Field(gt=0)] = 180
    campaign_window_days: Annotated[int, Field(gt=0)] = 30
    satisfied_from: Annotated[float, Field(ge=0, le=100)] = 75
    loyalty_horizon_days: Annotated[int, Field(ge=2)] = 180
    active_within_days: Annotated[int, Field(gt=0)] = 365
    loyal_from_orders: Annotated[int, Field(ge=1)] = 2
    loyalty_weights: LoyaltyWeights = LoyaltyWeights()
    segment_history_months: Annotated[int, Field(ge=1, le=120)] = 24
    key_accounts: KeyAccounts = KeyAccounts()
    retention: Retention = Retention()
    offers: Offers = Offers()
    identity: Identity = Identity()
    organisations: Organisations = Organisations()
    service: Service = Service()
    journey: Journey = Journey()
    care: Care = Care()
    kpi_targets_file: Path | None = None
    # Read from that file, so that a changed target is a changed setting.
    kpi_targets: tuple[KpiTarget, ...] = ()
    quarantine_ceiling: Share = 0.01
    quarantine_ceilings: Mapping[str, Share] = Field(default_factory=dict)
    largest_shrink: Share = 0.50
    published_versions_kept: Annotated[int, Field(ge=2)] = 10

    def ceiling_of(self, system: str, name: str) -> float:
        """Return the share of a file's rows that may be quarantined, for an object of a system."""
        return self.quarantine_ceilings.get(f"{system}.{name}", self.quarantine_ceiling)


def load_company(path: Path) -> Company:
    """Read `company.yml` and the targets it names; a missing file or line means the default.

    Raises CompanyError with one line per problem: file, key, what is wrong.
    """
    if not path.exists():
        return Company()
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=YAML_LOADER) or {}
    except yaml.YAMLError as error:
        raise CompanyError(f"{path}: is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise CompanyError(f"{path}: expected `setting: value` lines")
    if "kpi_targets" in content:
        raise CompanyError(f"{path}: kpi_targets: name their file in kpi_targets_file instead")
    try:
        company = Company.model_validate(content)
    except ValidationError as error:
        raise CompanyError(
            "\n".join(
                f"{path}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors()
            )
        ) from error
    if company.kpi_targets_file is None:
        return company
    try:
        targets = read_kpi_targets(path.parent / company.kpi_targets_file)
    except KpiTargetsError as error:
        raise CompanyError(str(error)) from error
    return company.model_copy(update={"kpi_targets": targets})
