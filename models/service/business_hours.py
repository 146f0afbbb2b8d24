"""Opening hours as a calendar of UTC instants, by which SQL counts business minutes.

Belongs here: which seconds a schedule is open, daylight saving time and holidays included. Does
not: which schedule a case follows, what is counted (the dbt models of service).

A second is open when the clock on the wall, in the schedule's time zone, shows an open hour of
that weekday and the local day is no holiday. So a night that has 02:30 twice is open twice, and an
opening time that the clock skips begins when the clock has skipped it.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Instants = npt.NDArray[np.datetime64]
_DAY = np.timedelta64(1, "D")
_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True)
class Schedule:
    """When a service is open.

    weekly: per weekday, Monday first, its open hours as (first, end) in seconds after local
    midnight, in order and apart. closed_days: local dates that are closed whatever the weekday.
    """

    name: str
    time_zone: str
    weekly: tuple[tuple[tuple[int, int], ...], ...]
    closed_days: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Calendar:
    """Segments of UTC time in which a schedule is all open or all closed, none beyond a UTC day.

    Every instant of the span lies in exactly one segment. The open seconds up to an instant are
    `open_seconds_before` plus, in an open segment, the seconds since its start; the business time
    between two instants is the difference of theirs.
    """

    starts_at: Instants
    ends_at: Instants
    is_open: npt.NDArray[np.bool_]
    open_seconds_before: npt.NDArray[np.int64]


def business_calendar(schedule: Schedule, first: date, last: date) -> Calendar:
    """Lay out the schedule over the UTC days from `first` to `last`, both included."""
    begin = np.datetime64(first, "s")
    end = np.datetime64(last, "s") + _DAY
    opens, closes = _open_intervals(schedule, begin, end)
    midnights = np.arange(begin, end + _SECOND, _DAY)
    bounds = np.unique(np.concatenate([midnights, opens, closes]))
    starts_at, ends_at = bounds[:-1], bounds[1:]
    if opens.size:
        latest = np.searchsorted(opens, starts_at, side="right") - 1
        is_open = (latest >= 0) & (starts_at < closes[np.maximum(latest, 0)])
    else:
        is_open = np.zeros(starts_at.size, dtype=np.bool_)
    open_seconds = np.where(is_open, ends_at - starts_at, 0 * _SECOND).astype(np.int64)
    return Calendar(starts_at, ends_at, is_open, np.cumsum(open_seconds) - open_seconds)


def public_holidays(
    country: str, subdivision: str | None, first: date, last: date
) -> frozenset[date]:
    """Return the public holidays of a country by the package `holidays`.

    Raises ValueError for a country or subdivision that the package does not know.
    """
    import holidays  # Costs 0.2 s; only schedules that name a country need it.

    try:
        known = holidays.country_holidays(
            country, subdiv=subdivision, years=range(first.year, last.year + 1)
        )
    except NotImplementedError as error:
        raise ValueError(str(error)) from error
    return frozenset(day for day in known if first <= day <= last)


def _open_intervals(
    schedule: Schedule, begin: np.datetime64, end: np.datetime64
) -> tuple[Instants, Instants]:
    """Return the UTC starts and ends of all open hours between two instants, in order."""
    closed = np.array(sorted(schedule.closed_days), dtype="datetime64[D]")
    opens, closes = [], []
    for piece_begin, piece_end, offset in _pieces(ZoneInfo(schedule.time_zone), begin, end):
        local_begin, local_end = piece_begin + offset, piece_end + offset
        days = np.arange(local_begin.astype("datetime64[D]"), local_end.astype("datetime64[D]") + 1)
        days = days[~np.isin(days, closed)]
        weekdays = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        for weekday, hours in enumerate(schedule.weekly):
            midnights = days[weekdays == weekday].astype("datetime64[s]")
            for first, last in hours:
                starts = np.maximum(midnights + first * _SECOND, local_begin)
                ends = np.minimum(midnights + last * _SECOND, local_end)
                is_some = starts < ends
                opens.append(starts[is_some] - offset)
                closes.append(ends[is_some] - offset)
    if not opens:
        return np.empty(0, dtype="datetime64[s]"), np.empty(0, dtype="datetime64[s]")
    starts, ends = np.concatenate(opens), np.concatenate(closes)
    in_time = np.argsort(starts)
    return starts[in_time], ends[in_time]


def _pieces(
    zone: ZoneInfo, begin: np.datetime64, end: np.datetime64
) -> Iterator[tuple[np.datetime64, np.datetime64, np.timedelta64]]:
    """Cut a span of UTC into pieces of one offset from UTC: local = UTC + offset."""
    days = np.arange(begin, end + _SECOND, _DAY)
    offsets = [_offset(zone, day) for day in days]
    cuts = [
        _transition(zone, days[number], days[number + 1])
        for number in range(len(days) - 1)
        if offsets[number] != offsets[number + 1]
    ]
    bounds = [begin, *cuts, end]
    for piece_begin, piece_end in itertools.pairwise(bounds):
        yield piece_begin, piece_end, np.timedelta64(_offset(zone, piece_begin), "s")


def _transition(zone: ZoneInfo, before: np.datetime64, after: np.datetime64) -> np.datetime64:
    """Find the first second with the offset that holds at `after`, by bisection."""
    earlier = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if _offset(zone, middle) == earlier:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, instant: np.datetime64) -> int:
    moment: datetime = instant.astype(datetime)
    found = moment.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    assert found is not None  # every aware datetime has one
    return int(found / timedelta(seconds=1))


def weekly_hours(hours: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Read the open hours of one day, such as `09:00-12:30`, as seconds after midnight.

    Raises ValueError unless they are in order, apart and within 00:00-24:00: a night shift is
    written as two days' hours.
    """
    found = tuple(_span(text) for text in hours)
    bounds = [second for span in found for second in span]
    if any(later <= earlier for earlier, later in itertools.pairwise(bounds)):
        raise ValueError(
            f"open hours {', '.join(hours)} are not in order and apart; a night shift is written "
            "as 22:00-24:00 and, on the next day, 00:00-06:00"
        )
    return found


def _span(text: str) -> tuple[int, int]:
    first, separator, last = text.partition("-")
    if not separator:
        raise ValueError(f"open hours are written 09:00-18:00, not {text!r}")
    return _seconds(first), _seconds(last)


def _seconds(text: str) -> int:
    hour, separator, minute = text.strip().partition(":")
    if not (separator and hour.isdigit() and len(minute) == 2 and minute.isdigit()):
        raise ValueError(f"a time of day is written 09:00, not {text!r}")
    seconds = int(hour) * 3600 + int(minute) * 60
    if int(minute) > 59 or seconds > 86_400:
        raise ValueError(f"a time of day lies between 00:00 and 24:00, not {text!r}")
    return seconds
