"""Cases around changes of the clock and closed days, whose business time is known exactly.

Who counts hours of UTC, forgets a holiday or takes the calendar for the opening hours gets them
wrong: every case is answered a few minutes before or after its target, in opening hours. The
minutes are walked here day by day in local time, apart from any calendar of the warehouse.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from samples.draws import NEVER, Instants, later, table
from samples.opening_hours import closed_days, nth_weekday
from samples.parameters import ServiceClock
from samples.purchases import Orders
from samples.service import AGENTS, NORMAL, Cases

_UTC = ZoneInfo("UTC")


def special_days(first: date, last: date) -> list[date]:
    """List closed days and the Sundays on which American clocks change, in order."""
    sundays = [
        day
        for year in range(first.year, last.year + 1)
        for day in (nth_weekday(year, 3, 6, 2), nth_weekday(year, 11, 6, 1))
    ]
    return sorted(day for day in (*sundays, *closed_days(first, last)) if first < day < last)


def draw_clock_cases(
    rng: np.random.Generator,
    orders: Orders,
    start: np.datetime64,
    end: np.datetime64,
    clock: ServiceClock,
) -> tuple[Cases, pa.Table]:
    """Open cases before special days; returns them with the business minutes they took.

    Every case is about an order placed before. Those that would end after `end` are left out.
    """
    first, last = start.astype(date), end.astype(date)
    closed = {*closed_days(first, last + timedelta(days=400))}
    zone = ZoneInfo(clock.time_zone)
    opened: list[datetime] = []
    for day in special_days(first + timedelta(days=60), last - timedelta(days=20)):
        before = day - timedelta(days=1)
        while not _is_open(before, closed):
            before -= timedelta(days=1)
        for hour, minute in ((11, 20), (17, 50)):
            opened.append(datetime.combine(before, time(hour, minute), zone))
    opened = opened[-clock.count :] if clock.count else []
    # By turns just before and just after the target.
    reply = [clock.reply_target + (-5, 5)[n % 2] for n in range(len(opened))]
    resolution = [clock.resolution_target + (5, -5)[n // 2 % 2] for n in range(len(opened))]
    opened_at = _instants(opened)
    replied_at = _instants([_walk(t, m, closed, clock) for t, m in zip(opened, reply, strict=True)])
    resolved_at = _instants(
        [_walk(t, m, closed, clock) for t, m in zip(opened, resolution, strict=True)]
    )
    size = len(opened)
    candidates = np.searchsorted(orders.ordered_at, opened_at)
    order = (candidates * rng.uniform(0.8, 1.0, size)).astype(np.int64)
    zeros = np.zeros(size, dtype=np.int64)
    cases = Cases(
        person=orders.person[order],
        order=order,
        opened_at=opened_at,
        replied_at=replied_at,
        analysed_at=later(replied_at, 0.0),
        proposed_at=resolved_at,  # never waits for the customer, which would stop the clock
        solved_at=resolved_at,
        reopened_at=np.full(size, NEVER),
        resolved_at=resolved_at,
        closed_at=later(resolved_at, 1.0),
        priority=np.full(size, NORMAL),
        category=zeros + 4,
        detail=zeros,
        channel=zeros,
        is_complaint=np.zeros(size, dtype=np.bool_),
        agent=rng.integers(1, AGENTS + 1, size),
    )
    minutes = table(
        first_response_business_minutes=np.array(reply, dtype=np.int64),
        resolution_business_minutes=np.array(resolution, dtype=np.int64),
    )
    return cases, minutes


def _is_open(day: date, closed: set[date]) -> bool:
    return day.weekday() < 5 and day not in closed


def _walk(opened: datetime, minutes: int, closed: set[date], clock: ServiceClock) -> datetime:
    """Find the instant after so many minutes of opening hours."""
    day, left = opened.date(), timedelta(minutes=minutes)
    while True:
        if _is_open(day, closed):
            begins = max(opened, datetime.combine(day, time(clock.opens), opened.tzinfo))
            ends = datetime.combine(day, time(clock.closes), opened.tzinfo)
            if ends - begins >= left:
                return begins + left
            left -= max(ends - begins, timedelta())
        day += timedelta(days=1)


def _instants(moments: list[datetime]) -> Instants:
    return np.array(
        [moment.astimezone(_UTC).replace(tzinfo=None) for moment in moments],
        dtype="datetime64[s]",
    )
