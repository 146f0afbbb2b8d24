"""When the made-up service is open: local hours on working days, and its closed days."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import Bools, Instants
from samples.parameters import ServiceClock

_MORNING = 7200  # seconds in which what arrived while closed is dealt with


def closed_days(first: date, last: date) -> list[date]:
    """List the days on which the made-up service is closed, weekends apart."""
    days = []
    for year in range(first.year, last.year + 1):
        thanksgiving = nth_weekday(year, 11, 3, 4)
        days += [date(year, 1, 1), date(year, 7, 4), thanksgiving, date(year, 12, 25)]
    return [day for day in days if first <= day <= last]


def nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    """Find the n-th weekday (Monday is 0) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def at_work(instants: Instants, moves: Bools, clock: ServiceClock) -> Instants:
    """Move instants at which nobody works, where told so, to the next working morning."""
    zone = pa.timestamp("s", clock.time_zone)
    local = pc.local_timestamp(pa.array(instants).cast(pa.timestamp("s")).cast(zone))
    local = np.asarray(local.to_numpy(zero_copy_only=False), dtype="datetime64[s]")
    known = ~np.isnat(local)
    day = local.astype("datetime64[D]")
    seconds = np.where(known, (local - day).astype(np.int64), 0)
    if not known.any():
        return instants
    last: date = day[known].max().astype(date)
    closed = closed_days(day[known].min().astype(date), last + timedelta(days=31))
    is_over = seconds >= clock.closes * 3600
    is_open = np.is_busday(day, holidays=closed) & (seconds >= clock.opens * 3600) & ~is_over
    moved = np.flatnonzero(known & moves & ~is_open)
    morning = np.busday_offset(
        day[moved] + is_over[moved], 0, roll="forward", holidays=closed
    ).astype("datetime64[s]")
    # Not all at once: by the time of day at which they would have been.
    wait = clock.opens * 3600 + seconds[moved] * _MORNING // 86_400
    at = pa.array(morning + wait.astype("timedelta64[s]"))
    found = instants.copy()
    found[moved] = (
        pc.assume_timezone(at, clock.time_zone)
        .cast(pa.timestamp("s", "UTC"))
        .to_numpy(zero_copy_only=False)
    )
    return found
