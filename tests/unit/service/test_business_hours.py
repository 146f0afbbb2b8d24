"""Business time against the clock on the wall, read minute by minute."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.service.business_hours import (
    Calendar,
    Schedule,
    business_calendar,
    public_holidays,
    weekly_hours,
)

OFFICE = (weekly_hours(["09:00-18:00"]),) * 5 + ((), ())
TWO_SHIFTS = (weekly_hours(["08:30-12:00", "13:00-17:15"]),) * 6 + ((),)
ALWAYS = (weekly_hours(["00:00-24:00"]),) * 7
NIGHT = (weekly_hours(["00:00-06:00", "22:00-24:00"]),) * 7
SMALL_HOURS = (weekly_hours(["02:15-02:45"]),) * 7  # skipped or doubled where the clock changes

# Days around a change of the clock, or a plain week where there is none.
PLACES = {
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),  # half an hour
    "America/Sao_Paulo": (date(2018, 2, 18), date(2018, 11, 4)),  # at midnight
    "Africa/Casablanca": (date(2026, 2, 15), date(2026, 3, 22)),  # summer time but in Ramadan
    "Pacific/Apia": (date(2011, 12, 30), date(2011, 12, 29)),  # a day that did not exist
    "Asia/Kolkata": (date(2026, 3, 8), date(2026, 10, 25)),
    "Asia/Shanghai": (date(2026, 3, 8), date(2026, 10, 25)),
    "UTC": (date(2026, 3, 8), date(2026, 10, 25)),
}


def open_seconds(calendar: Calendar, instant: datetime) -> int:
    """Count the open seconds from the calendar's beginning, as the SQL does."""
    moment = np.datetime64(instant.replace(tzinfo=None), "s")
    (segment,) = np.flatnonzero((calendar.starts_at <= moment) & (moment < calendar.ends_at))
    since = (moment - calendar.starts_at[segment]).astype(int) if calendar.is_open[segment] else 0
    return int(calendar.open_seconds_before[segment] + since)


def open_minutes_on_the_wall(schedule: Schedule, first: datetime, last: datetime) -> int:
    """Count the minutes whose local time is an open one, looking at every minute."""
    zone = ZoneInfo(schedule.time_zone)
    count = 0
    minute = first
    while minute < last:
        local = minute.astimezone(zone)
        second = local.hour * 3600 + local.minute * 60
        hours = () if local.date() in schedule.closed_days else schedule.weekly[local.weekday()]
        count += any(begin <= second < end for begin, end in hours)
        minute += timedelta(minutes=1)
    return count


@pytest.mark.parametrize("zone", PLACES)
@pytest.mark.parametrize(
    "weekly", [OFFICE, TWO_SHIFTS, ALWAYS, NIGHT, SMALL_HOURS], ids=lambda hours: str(len(hours[0]))
)
def test_business_time_is_what_the_clock_on_the_wall_shows(
    zone: str, weekly: tuple[tuple[tuple[int, int], ...], ...]
) -> None:
    rng = np.random.default_rng(5)
    for day in PLACES[zone]:
        schedule = Schedule("s", zone, weekly, frozenset({day + timedelta(days=2)}))
        calendar = business_calendar(schedule, day - timedelta(days=4), day + timedelta(days=4))
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2)
        bounds = sorted(int(minute) for minute in rng.integers(0, 5 * 1440, 6))
        for first, last in itertools.pairwise(bounds):
            begin, end = start + timedelta(minutes=first), start + timedelta(minutes=last)
            found = open_seconds(calendar, end) - open_seconds(calendar, begin)
            assert found == 60 * open_minutes_on_the_wall(schedule, begin, end), (begin, end)


def test_segments_cover_the_span_once_and_stay_within_a_day() -> None:
    calendar = business_calendar(
        Schedule("s", "America/New_York", TWO_SHIFTS), date(2025, 12, 30), date(2026, 12, 31)
    )
    assert (calendar.starts_at[1:] == calendar.ends_at[:-1]).all()
    assert (calendar.starts_at < calendar.ends_at).all()
    days = calendar.starts_at.astype("datetime64[D]")
    assert (days == (calendar.ends_at - np.timedelta64(1, "s")).astype("datetime64[D]")).all()
    open_day = 3 * 3600 + 1800 + 4 * 3600 + 900
    # 2026 has 313 Mondays to Saturdays, the two days of 2025 are a Tuesday and a Wednesday.
    assert calendar.open_seconds_before[-1] == open_day * (313 + 2)


def test_a_schedule_that_never_opens_has_no_business_time() -> None:
    calendar = business_calendar(
        Schedule("s", "UTC", ((),) * 7), date(2026, 1, 1), date(2026, 1, 31)
    )
    assert not calendar.is_open.any()
    assert not calendar.open_seconds_before.any()


def test_public_holidays_follow_country_and_state() -> None:
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    assert date(2026, 7, 3) in public_holidays("US", None, first, last)  # observed on a Friday
    assert date(2026, 1, 6) in public_holidays("DE", "BY", first, last)
    assert date(2026, 1, 6) not in public_holidays("DE", "BE", first, last)
    assert public_holidays("CN", None, date(2026, 6, 1), date(2026, 6, 30))
    with pytest.raises(ValueError, match="XX"):
        public_holidays("XX", None, first, last)


@pytest.mark.parametrize(
    "hours", [["9-18"], ["09:00-25:00"], ["18:00-09:00"], ["09:00-12:00", "11:00-18:00"], ["09:60"]]
)
def test_hours_that_make_no_sense_are_refused(hours: list[str]) -> None:
    with pytest.raises(ValueError, match=r"time of day|open hours"):
        weekly_hours(hours)
