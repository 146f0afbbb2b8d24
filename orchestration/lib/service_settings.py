"""The tables of schema `settings` that service is measured by: opening hours and targets.

Belongs here: writing them from `company.yml`. Does not: the settings (`company.py`), what an open
second is (`models/service/business_hours.py`), which columns there are (dbt source `settings`).
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, get_args

import duckdb

from models.service.business_hours import (
    Schedule,
    business_calendar,
    public_holidays,
    weekly_hours,
)
from orchestration.lib.company import CompanyError, Service, ServiceSchedule, Weekday
from orchestration.lib.documented_tables import write_documented

if TYPE_CHECKING:
    import pandas as pd

SERVICE_TABLES = {
    "business_hours": "Opening hours of every schedule in UTC, with the open seconds up to then.",
    "service_schedules": "Which schedule holds for the cases of a system and channel.",
    "service_targets": "Minutes promised per priority.",
}
# Business time of cases before this day is unknown. A schedule takes about 1,000 rows a year.
FIRST_DAY = date(2000, 1, 1)
_CLOCKS = ("first_response", "next_response", "resolution")


def write_service_settings(
    con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], service: Service, as_of: date
) -> Mapping[str, int]:
    """Write the tables of SERVICE_TABLES and return how many rows each has.

    The hours reach a day beyond the as-of day, at whose end clocks that still run are read.
    Raises CompanyError for a country whose holidays are not known.
    """
    tables = {
        "business_hours": _business_hours(service, as_of + timedelta(days=1)),
        "service_schedules": _schedules(service),
        "service_targets": _targets(service),
    }
    for name, rows in tables.items():
        write_documented(con, manifest, f"settings.{name}", rows)
    return {name: len(rows) for name, rows in tables.items()}


def _business_hours(service: Service, last: date) -> "pd.DataFrame":
    import pandas as pd

    parts = []
    for schedule in service.schedules:
        calendar = business_calendar(_expanded(schedule, last), FIRST_DAY, last)
        parts.append(
            pd.DataFrame(
                {
                    "schedule_name": schedule.name,
                    "utc_date": calendar.starts_at.astype("datetime64[D]"),
                    "starts_at": calendar.starts_at,
                    "ends_at": calendar.ends_at,
                    "is_open": calendar.is_open,
                    "open_seconds_before": calendar.open_seconds_before,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _expanded(schedule: ServiceSchedule, last: date) -> Schedule:
    closed_days = frozenset(schedule.holidays)
    if schedule.holiday_country:
        try:
            closed_days |= public_holidays(
                schedule.holiday_country, schedule.holiday_subdivision, FIRST_DAY, last
            )
        except ValueError as error:
            raise CompanyError(
                f"company.yml: service.schedules: {schedule.name}: holiday_country: {error}"
            ) from error
    return Schedule(
        schedule.name,
        schedule.time_zone,
        tuple(weekly_hours(schedule.hours.get(weekday, ())) for weekday in get_args(Weekday)),
        closed_days,
    )


def _schedules(service: Service) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        (number, schedule.name, system, channel)
        for number, schedule in enumerate(service.schedules, start=1)
        for system in schedule.systems or (None,)
        for channel in schedule.channels or (None,)
    ]
    return pd.DataFrame(
        rows, columns=["schedule_number", "schedule_name", "source_system", "channel"]
    ).astype({"source_system": "string", "channel": "string"})


def _targets(service: Service) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        (priority, clock, target.clock, minutes)
        for priority, target in service.targets.items()
        for clock in _CLOCKS
        if (minutes := getattr(target, clock)) is not None
    ]
    return pd.DataFrame(
        rows, columns=["priority", "clock_name", "clock_type", "target_minutes"]
    ).astype({"priority": "string", "clock_name": "string", "clock_type": "string"})
