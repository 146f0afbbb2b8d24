"""Service, channels and journeys of the sample, computed again from the exported files.

Another way to the same numbers: the CSV files read with pandas, cases walked event by event,
business minutes counted on the clock on the wall day by day, loops instead of windows. Only who is
the same customer is taken from what was published.
"""

import hashlib
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from orchestration.lib.company import Weekday, load_company
from tests.conftest import AS_OF
from tests.running import PROJECT_ROOT

Row = dict[str, Any]
END = datetime.combine(AS_OF + timedelta(days=1), time())
COMPANY = load_company(PROJECT_ROOT / "company.yml")
TARGETS = COMPANY.service.targets
STAGE_OF = {"new": 1, "open": 2, "pending": 3, "solved": 4, "closed": 5}
STAGES = ("registered", "analysed", "solution", "carried_out", "fed_back")
ANSWERED_LATER = ("email", "social", "web")
WEEKDAYS = get_args(Weekday)


@dataclass
class Case:
    """A case as its rows tell it."""

    row: Row
    events: list[Row]
    phases: list[tuple[int, bool, datetime]] = field(default_factory=list)
    resolved_at: datetime | None = None
    count_reopened: int = 0
    waits: list[tuple[datetime, datetime | None]] = field(default_factory=list)


@pytest.fixture(scope="module")
def key_of(marts: duckdb.DuckDBPyConnection) -> Mapping[str, str]:
    return dict(
        marts.execute(
            "select source_record_id, customer_key from marts.customer_identities"
        ).fetchall()
    )


def read(folder: Path, name: str, moments: Sequence[str]) -> list[Row]:
    """Return the rows of an object up to the as-of day, '' as None, moments as datetimes."""
    (file,) = (folder / "canonical").glob(f"{name}_*.csv")
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    rows: list[Row] = [
        {str(column): value or None for column, value in row.items()}
        for row in table.to_dict("records")
        if row.get("is_deleted", "false") == "false"
    ]
    for row in rows:
        for column in moments:
            row[column] = datetime.fromisoformat(row[column]) if row[column] else None
    return [row for row in rows if not row[moments[0]] or row[moments[0]] < END]


@pytest.fixture(scope="module")
def cases(sample_exports: Path) -> dict[str, Case]:
    rows = read(
        sample_exports, "cases", ["opened_at", "first_response_at", "resolved_at", "closed_at"]
    )
    found = {row["case_id"]: Case(row, []) for row in rows}
    for event in read(sample_exports, "case_events", ["occurred_at"]):
        found[event["case_id"]].events.append(event)
    for case in found.values():
        case.events.sort(key=lambda event: (event["occurred_at"], event["case_event_id"]))
        walk(case)
        listen(case)
    return found


def walk(case: Case) -> None:
    """Follow a case through its stages, one event after the other."""
    stage, is_waiting = 1, False
    case.phases.append((stage, is_waiting, case.row["opened_at"]))
    for event in case.events:
        if event["event_type"] == "status":
            now = (STAGE_OF[event["to_value"]], event["to_value"] == "pending")
        elif event["event_type"] == "feedback" or (
            event["event_type"] == "reply" and event["actor_type"] == "agent" and stage >= 4
        ):
            now = (5, False)
        else:
            continue
        if now == (stage, is_waiting) or (stage, now[0]) == (5, 4):
            continue
        if stage >= 4 > now[0]:
            case.count_reopened += 1
        stage, is_waiting = now
        case.phases.append((stage, is_waiting, event["occurred_at"]))
    resolved = case.row["resolved_at"] or case.row["closed_at"]
    case.resolved_at = resolved if stage >= 4 and resolved is not None and resolved < END else None


def listen(case: Case) -> None:
    """Follow the talk: after an answer, a question waits for the next answer or the solution."""
    is_heard = is_solved = False
    asked_at: datetime | None = None
    for event in case.events:
        is_customer = event["actor_type"] == "customer"
        is_answer = event["event_type"] == "reply" and not is_customer
        if event["event_type"] == "status":
            is_solving = STAGE_OF[event["to_value"]] >= 4
            is_answer, is_heard = is_solving and not is_solved, is_heard or is_solved > is_solving
            is_solved = is_solving
        elif event["event_type"] == "reply" and is_customer and is_heard and not is_solved:
            asked_at = asked_at or event["occurred_at"]
        if is_answer:
            if asked_at is not None:
                case.waits.append((asked_at, event["occurred_at"]))
            asked_at, is_heard = None, is_heard or event["event_type"] == "reply"
    if asked_at is not None:
        case.waits.append((asked_at, None))


@cache
def open_minutes(first: datetime, last: datetime) -> float:
    """Count business minutes by walking the local days and cutting each at its opening hours."""
    schedule = COMPANY.service.schedules[-1]
    zone = ZoneInfo(schedule.time_zone)
    begin, end = first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)
    total = timedelta()
    day = begin.astimezone(zone).date()
    while day <= end.astimezone(zone).date():
        hours = () if day in schedule.holidays else schedule.hours.get(WEEKDAYS[day.weekday()], ())
        for span in hours:
            opens, closes = (
                datetime.combine(day, time.fromisoformat(text), zone).astimezone(UTC)
                for text in span.split("-")
            )
            total += max(timedelta(), min(end, closes) - max(begin, opens))
        day += timedelta(days=1)
    return total / timedelta(minutes=1)


def minutes(first: datetime, last: datetime) -> float:
    return (last - first) / timedelta(minutes=1)


def surrogate(*parts: str) -> str:
    return hashlib.md5("|".join(parts).encode()).hexdigest()  # a key


def middle(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.median(found)) if found else None


def same(published_value: Any, computed: Any) -> bool:
    if published_value is None or computed is None:
        return published_value is None and computed is None
    if isinstance(published_value, float):
        return math.isclose(published_value, float(computed), rel_tol=1e-9, abs_tol=1e-9)
    return bool(published_value == computed)


def assert_rows(
    marts: duckdb.DuckDBPyConnection, query: str, expected: Mapping[Any, Row], keys: int = 1
) -> None:
    """Hold a query against expected rows: the same keys, the same columns, the same values."""
    found = marts.execute(query)
    names = [column[0] for column in found.description or ()]
    actual = {}
    for values in found.fetchall():
        key = values[0] if keys == 1 else values[:keys]
        assert key not in actual, f"two rows of {key}"
        actual[key] = dict(zip(names, values, strict=True))
    assert actual.keys() == expected.keys()
    for key, row in expected.items():
        assert row.keys() == set(names[keys:]), (key, row.keys() ^ set(names[keys:]))
    wrong = [
        f"{key} {name}: published {actual[key][name]!r}, computed {value!r}"
        for key, row in expected.items()
        for name, value in row.items()
        if not same(actual[key][name], value)
    ]
    assert not wrong, f"{len(wrong)} differ: " + "; ".join(wrong[:5])


def judged(priority: str, clock: str, calendar: float, business: float) -> str:
    target = TARGETS[priority]
    limit = getattr(target, clock)
    taken = calendar if target.clock == "calendar" else business
    return "met" if taken <= limit else "breached"


def waited(case: Case) -> tuple[float, float]:
    """Add up the minutes in which a case waited for the customer, up to its solution."""
    until = case.resolved_at or END
    ends = [start for *_, start in case.phases[1:]] + [END]
    spans = [
        (start, min(end, until))
        for (_, is_waiting, start), end in zip(case.phases, ends, strict=True)
        if is_waiting and start < until
    ]
    return sum(minutes(*span) for span in spans), sum(open_minutes(*span) for span in spans)


def case_row(case: Case, cases: Iterable[Case], contacts: list[Row], customer: str | None) -> Row:
    row, resolved = case.row, case.resolved_at
    opened, answered = row["opened_at"], row["first_response_at"]
    response = (minutes(opened, answered), open_minutes(opened, answered)) if answered else None
    waiting, waiting_open = waited(case)
    found: Row = {
        "customer_key": customer,
        "opened_at": opened,
        "first_response_at": answered,
        "resolved_at": resolved,
        "is_resolved": resolved is not None,
        "case_key": surrogate("canonical", row["case_id"]),
        "source_system": "canonical",
        "order_key": surrogate("canonical", row["order_id"]) if row["order_id"] else None,
        "schedule_name": COMPANY.service.schedules[-1].name,
        "has_history": bool(case.events),
        **{name: row[name] for name in ("status", "priority", "category", "reason", "channel")},
        "closed_at": row["closed_at"] if row["closed_at"] and row["closed_at"] < END else None,
        "is_complaint": row["is_complaint"] == "true",
        "count_unmapped_statuses": 0,
        "stage": STAGES[case.phases[-1][0] - 1],
        "first_response_calendar_minutes": response[0] if response else None,
        "first_response_business_minutes": response[1] if response else None,
        "count_reopened": case.count_reopened,
        "has_inconsistent_times": (answered or opened) < opened or (resolved or opened) < opened,
        "first_response_outcome": judged(row["priority"], "first_response", *response)
        if response
        else "running",
        "resolution_outcome": "running",
        "resolution_calendar_minutes": None,
        "resolution_business_minutes": None,
        "waiting_calendar_minutes": waiting,
        "waiting_business_minutes": waiting_open,
        "is_promise_kept": None,
        "is_first_contact_resolved": None,
        "count_next_responses": len(case.waits),
        "next_response_calendar_minutes": middle(minutes(a, b) for a, b in case.waits if b),
        "next_response_business_minutes": middle(open_minutes(a, b) for a, b in case.waits if b),
    }
    if resolved is None:
        return found
    calendar, business = minutes(opened, resolved), open_minutes(opened, resolved)
    found |= {
        "resolution_calendar_minutes": calendar,
        "resolution_business_minutes": business,
        "resolution_outcome": judged(
            row["priority"], "resolution", calendar - waiting, business - waiting_open
        ),
    }
    until = resolved + timedelta(days=COMPANY.service.first_contact_days)
    if until <= END and customer is not None:
        again = [
            other
            for other in cases
            if other is not case
            and other.row["category"] == row["category"]
            and (opened, row["case_id"]) < (other.row["opened_at"], other.row["case_id"])
            and other.row["opened_at"] <= until
        ]
        wrote = [
            contact
            for contact in contacts
            if contact["direction"] == "inbound" and resolved < contact["occurred_at"] <= until
        ]
        found["is_first_contact_resolved"] = not (case.count_reopened or again or wrote)
    return found


@pytest.fixture(scope="module")
def contacts(sample_exports: Path) -> list[Row]:
    rows = read(sample_exports, "interactions", ["occurred_at"])
    return sorted(rows, key=lambda row: row["occurred_at"])


@pytest.fixture(scope="module")
def case_rows(
    cases: dict[str, Case], contacts: list[Row], key_of: Mapping[str, str]
) -> dict[str, Row]:
    of_customer: dict[str | None, list[Case]] = defaultdict(list)
    for case in cases.values():
        of_customer[key_of.get(case.row["customer_id"])].append(case)
    of_case: dict[str, list[Row]] = defaultdict(list)
    for contact in contacts:
        if contact["case_id"]:
            of_case[contact["case_id"]].append(contact)
    return {
        case_id: case_row(case, of_customer[customer], of_case[case_id], customer)
        for case_id, case in cases.items()
        for customer in [key_of.get(case.row["customer_id"])]
    }


def test_every_case_has_the_times_its_files_tell(
    marts: duckdb.DuckDBPyConnection, case_rows: dict[str, Row]
) -> None:
    assert_rows(marts, "select case_id, * exclude (case_id) from marts.fct_cases", case_rows)
    assert len(case_rows) > 100
    assert sum(row["count_reopened"] for row in case_rows.values()) > 3
    outcomes = Counter(row["first_response_outcome"] for row in case_rows.values())
    assert outcomes["met"] > 10 < outcomes["breached"]
    assert sum(row["count_next_responses"] for row in case_rows.values()) > 10


def test_changes_of_the_clock_and_holidays_are_counted_as_planted(
    marts: duckdb.DuckDBPyConnection, sample_exports: Path
) -> None:
    """Cases answered five minutes before or after their target, in opening hours of New York.

    Around changes of the clock and closed days: who counts in UTC, or forgets a holiday, is an hour
    or a day off, and judges half of them wrongly.
    """
    truth = pd.read_csv(sample_exports / "truth/service_clocks.csv")
    normal = TARGETS["normal"]
    assert normal.first_response is not None and normal.resolution is not None
    assert_rows(
        marts,
        "select case_id, first_response_business_minutes, resolution_business_minutes, "
        "first_response_outcome, resolution_outcome from marts.fct_cases "
        f"where case_id in ({', '.join(repr(case) for case in truth['case_id'])})",
        {
            row["case_id"]: {
                "first_response_business_minutes": float(row["first_response_business_minutes"]),
                "resolution_business_minutes": float(row["resolution_business_minutes"]),
                "first_response_outcome": "met"
                if row["first_response_business_minutes"] <= normal.first_response
                else "breached",
                "resolution_outcome": "met"
                if row["resolution_business_minutes"] <= normal.resolution
                else "breached",
            }
            for _, row in truth.iterrows()
        },
    )
    assert len(truth) > 20


def test_every_stage_has_the_time_between_its_events(
    marts: duckdb.DuckDBPyConnection, cases: dict[str, Case], key_of: Mapping[str, str]
) -> None:
    expected: dict[tuple[str, int], Row] = {}
    for case_id, case in cases.items():
        ends = [start for *_, start in case.phases[1:]] + [None]
        for position, ((stage, _, start), end) in enumerate(zip(case.phases, ends, strict=True)):
            row = expected.setdefault(
                (case_id, stage),
                {"count_reentries": -1, "calendar_minutes": None, "business_minutes": None},
            )
            is_entry = position == 0 or case.phases[position - 1][0] != stage
            row |= {
                "case_key": surrogate("canonical", case_id),
                "source_system": "canonical",
                "customer_key": key_of.get(case.row["customer_id"]),
                "opened_at": case.row["opened_at"],
                "is_complaint": case.row["is_complaint"] == "true",
                "has_history": bool(case.events),
                "is_time_unknown": False,
                "first_entered_at": row.get("first_entered_at", start),
                "last_entered_at": start,
                "last_left_at": end or row.get("last_left_at"),
            }
            row["count_reentries"] += is_entry
            row["count_entries"] = row["count_reentries"] + 1
            row["is_current"] = end is None
            row["stage"] = STAGES[stage - 1]
            if end is not None:
                row["calendar_minutes"] = (row["calendar_minutes"] or 0) + minutes(start, end)
                row["business_minutes"] = (row["business_minutes"] or 0) + open_minutes(start, end)
    assert_rows(
        marts,
        "select case_id, stage_number, * exclude (case_id, stage_number) "
        "from marts.mart_case_stages",
        expected,
        keys=2,
    )


def known(rows: list[Row], name: str) -> list[float]:
    return [row[name] for row in rows if row.get(name) is not None]


def p90(values: list[float]) -> float | None:
    return float(np.quantile(values, 0.9)) if values else None


def rate(hits: int, misses: int) -> Row:
    found: Row = {"count_met": hits, "count_not_met": misses, "is_small_sample": hits + misses < 30}
    if hits + misses == 0:
        return found | {"rate": None, "ci_low": None, "ci_high": None}
    interval = binomtest(hits, hits + misses).proportion_ci(method="wilson")
    return found | {
        "rate": hits / (hits + misses),
        "ci_low": interval.low,
        "ci_high": interval.high,
    }


def clock_times(calendar: list[float], business: list[float]) -> Row:
    return {
        "count_stopped": len(calendar),
        "median_calendar_minutes": middle(calendar),
        "p90_calendar_minutes": p90(calendar),
        "median_business_minutes": middle(business),
        "p90_business_minutes": p90(business),
    }


def overdue(case: Case, row: Row) -> Row:
    """Tell which clocks of a case have run for longer than promised, and are running still."""
    opened, priority = row["opened_at"], case.row["priority"]
    calendar, business = minutes(opened, END), open_minutes(opened, END)
    found = {}
    for clock in ("first_response", "resolution"):
        taken = calendar, business
        if clock == "resolution" and row[f"{clock}_outcome"] == "running":
            waiting = waited(case)
            taken = calendar - waiting[0], business - waiting[1]
        found[f"{clock}_overdue"] = (
            row[f"{clock}_outcome"] == "running" and judged(priority, clock, *taken) == "breached"
        )
    return found


def test_service_levels_are_those_of_their_cases(
    marts: duckdb.DuckDBPyConnection, cases: dict[str, Case], case_rows: dict[str, Row]
) -> None:
    """Every clock and share by month, priority and cut."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for case_id, row in case_rows.items():
        source = cases[case_id].row
        month = source["opened_at"].date().replace(day=1)
        kind = "complaint" if source["is_complaint"] == "true" else "other"
        cuts = {
            "all": "all",
            "channel": source["channel"],
            "category": source["category"] or "unknown",
            "kind": kind,
            "source_system": "canonical",
        }
        told = row | overdue(cases[case_id], row) | {"waits": cases[case_id].waits}
        for period in (month, None):
            for priority in (source["priority"], "all"):
                for cut, value in cuts.items():
                    groups[period, priority, cut, value].append(told)
    expected = {}
    for key, rows in groups.items():
        for clock in ("first_response", "resolution"):
            outcomes = Counter(row[f"{clock}_outcome"] for row in rows)
            expected[clock, *key] = {
                "period_type": "all_time" if key[0] is None else "month",
                "count_events": len(rows),
                "count_running": outcomes["running"],
                "count_overdue": sum(row[f"{clock}_overdue"] for row in rows),
                **clock_times(
                    known(rows, f"{clock}_calendar_minutes"),
                    known(rows, f"{clock}_business_minutes"),
                ),
                "count_not_judged": len(rows) - sum(outcomes.values())
                + sum(outcomes[name] for name in ("unknown", "no_target")),
                **rate(outcomes["met"], outcomes["breached"]),
            }  # fmt: skip
        waits = [(row["priority"], *wait) for row in rows for wait in row["waits"]]
        if waits:
            over = [(p, minutes(a, b), open_minutes(a, b)) for p, a, b in waits if b]
            outcomes = Counter(judged(p, "next_response", *taken) for p, *taken in over)
            running = [(p, minutes(a, END), open_minutes(a, END)) for p, a, b in waits if not b]
            expected["next_response", *key] = {
                "period_type": "all_time" if key[0] is None else "month",
                "count_events": len(waits),
                "count_running": len(running),
                "count_overdue": sum(
                    judged(p, "next_response", *taken) == "breached" for p, *taken in running
                ),
                **clock_times([row[1] for row in over], [row[2] for row in over]),
                "count_not_judged": 0,
                **rate(outcomes["met"], outcomes["breached"]),
            }
        solved = [row["is_first_contact_resolved"] for row in rows]
        for metric, hits, misses in (
            (
                "reopened",
                sum(row["count_reopened"] > 0 for row in rows),
                sum(row["is_resolved"] and not row["count_reopened"] for row in rows),
            ),
            ("first_contact_resolution", solved.count(True), solved.count(False)),
        ):
            if hits + misses:
                expected[metric, *key] = {
                    "period_type": "all_time" if key[0] is None else "month",
                    "count_events": hits + misses,
                    **dict.fromkeys(("count_running", "count_overdue", "count_not_judged"), 0),
                    **clock_times([], []),
                    **rate(hits, misses),
                }
    assert_rows(
        marts,
        "select metric, period_month, priority, dimension_name, dimension_value, * "
        "exclude (metric, period_month, priority, dimension_name, dimension_value) "
        "from marts.mart_service_levels",
        expected,
        keys=5,
    )


def test_the_share_of_customers_told_is_that_of_the_closed_cases(
    marts: duckdb.DuckDBPyConnection, cases: dict[str, Case]
) -> None:
    reached = Counter(max(stage for stage, *_ in case.phases) for case in cases.values())
    solved = reached[4] + reached[5]
    found = marts.execute(
        "select count_candidates, count_reached, reached_rate from marts.mart_complaint_process "
        "where period_type = 'all_time' and dimension_name = 'all' and stage = 'fed_back'"
    ).fetchone()
    assert found == (solved, reached[5], reached[5] / solved)
    assert 0 < reached[5] < solved


def answers_to(contacts: list[Row], key_of: Mapping[str, str]) -> dict[str, datetime | None]:
    """Find what answered each message: the first of those that wait together."""
    threads: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for contact in contacts:
        customer = key_of.get(contact["customer_id"])
        if contact["case_id"]:
            threads["case", contact["case_id"]].append(contact)
        elif contact["channel"] in ANSWERED_LATER and customer is not None:
            threads[customer, contact["channel"]].append(contact)
    found: dict[str, datetime | None] = {}
    for thread in threads.values():
        waiting: Row | None = None
        for contact in thread:
            if contact["direction"] == "inbound":
                if waiting is None:
                    waiting = contact
                    found[contact["interaction_id"]] = None
            elif waiting is not None:
                in_time = timedelta(days=COMPANY.service.answer_days)
                if contact["occurred_at"] - waiting["occurred_at"] <= in_time:
                    found[waiting["interaction_id"]] = contact["occurred_at"]
                waiting = None
    return found


def most(counts: Mapping[str, int], moments: Mapping[str, list[datetime]]) -> str:
    """Return the channel used most; the last tie-breaker is the name first in the alphabet."""
    return max(
        sorted(moments),
        key=lambda channel: (counts[channel], len(moments[channel]), max(moments[channel])),
    )


def test_every_contact_and_the_channels_of_every_customer(
    marts: duckdb.DuckDBPyConnection, contacts: list[Row], key_of: Mapping[str, str]
) -> None:
    answered = answers_to(contacts, key_of)
    in_time = timedelta(days=COMPANY.service.answer_days)
    assert_rows(
        marts,
        "select interaction_id, * exclude (interaction_id) from marts.fct_interactions",
        {
            contact["interaction_id"]: {
                "customer_key": key_of.get(contact["customer_id"]),
                "channel": contact["channel"],
                "answered_at": answer,
                "response_minutes": minutes(contact["occurred_at"], answer) if answer else None,
                "is_answered": bool(answer)
                if answer or (is_question and contact["occurred_at"] + in_time <= END)
                else None,
                "interaction_key": surrogate("canonical", contact["interaction_id"]),
                "source_system": "canonical",
                "source_channel": contact["channel"],
                "case_key": surrogate("canonical", contact["case_id"])
                if contact["case_id"]
                else None,
                **{
                    name: contact[name]
                    for name in (
                        "occurred_at",
                        "direction",
                        "interaction_type",
                        "campaign_id",
                        "agent_id",
                    )
                },
                "duration_seconds": contact["duration_seconds"]
                and float(contact["duration_seconds"]),
            }
            for contact in contacts
            for answer in [answered.get(contact["interaction_id"])]
            for is_question in [contact["interaction_id"] in answered]
        },
    )
    assert sum(value is not None for value in answered.values()) > 50

    stated = dict(
        marts.execute("select customer_key, preferred_channel from marts.dim_customers").fetchall()
    )
    year = timedelta(days=365)
    mix: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for contact in contacts:
        customer = key_of.get(contact["customer_id"])
        if customer is not None:
            mix[customer][contact["channel"]].append(contact["occurred_at"])
    expected = {}
    for customer, channels in mix.items():
        recent = {
            name: sum(END - year <= moment for moment in moments)
            for name, moments in channels.items()
        }
        before = {
            name: sum(END - 2 * year <= moment < END - year for moment in moments)
            for name, moments in channels.items()
        }

        total, total_recent, total_before = (
            sum(map(len, channels.values())), sum(recent.values()), sum(before.values()),
        )  # fmt: skip
        for name, moments in channels.items():
            both = total_recent > 0 < total_before
            expected[customer, name] = {
                "count_interactions": len(moments),
                "share": len(moments) / total,
                "count_last_365d": recent[name],
                "count_previous_365d": before[name],
                "share_change": recent[name] / total_recent - before[name] / total_before
                if both
                else None,
                "share_last_365d": recent[name] / total_recent if total_recent else None,
                "share_previous_365d": before[name] / total_before if total_before else None,
                "last_contact_at": max(moments),
                "stated_preferred_channel": stated[customer],
                "was_preferred": name == most(before, channels) if total_before else None,
                "is_preferred": name == most(recent, channels),
                "has_shifted": most(recent, channels) != most(before, channels) if both else None,
            }
    # The three left out are in the next test.
    assert_rows(
        marts,
        "select customer_key, channel, * exclude (customer_key, channel, count_inbound, "
        "count_answered, median_response_minutes) from marts.mart_channel_mix",
        expected,
        keys=2,
    )
    assert any(row["has_shifted"] for row in expected.values())


@pytest.fixture(scope="module")
def feedback(
    sample_exports: Path, cases: dict[str, Case], contacts: list[Row], key_of: Mapping[str, str]
) -> dict[str, Row]:
    """Every answered questionnaire by its overall question, with what answered it."""
    found = {}
    days = timedelta(days=COMPANY.service.answer_days)
    for row in read(sample_exports, "survey_responses", ["responded_at", "invited_at"]):
        if row["dimension"] != "overall" or (row["score"] is None and row["comment"] is None):
            continue
        given = row["responded_at"] or row["invited_at"]
        if given >= END:
            continue
        customer = key_of.get(row["customer_id"])
        score, low, high = (float(row[name]) for name in ("score", "scale_min", "scale_max"))
        unhappy = score <= 6 if row["survey_type"] == "nps" else score < (low + high) / 2
        replies = [
            contact["occurred_at"]
            for contact in contacts
            if contact["direction"] == "outbound"
            and contact["campaign_id"] is None
            and key_of.get(contact["customer_id"]) == customer
        ]
        own_case = cases.get(row["case_id"])
        replies += [
            event["occurred_at"]
            for event in (own_case.events if own_case else [])
            if event["actor_type"] == "agent" and event["event_type"] in ("reply", "feedback")
        ]
        deeds = [
            case.row["opened_at"]
            for case in cases.values()
            if key_of.get(case.row["customer_id"]) == customer
        ]
        stages = own_case.phases if own_case else []
        deeds += [now[2] for was, now in itertools.pairwise(stages) if was[0] >= 4 > now[0]]
        touchpoint = (
            "after_case" if row["case_id"]
            else "review" if row["survey_type"] == "review"
            else "after_purchase" if row["order_id"]
            else "relationship"
        )  # fmt: skip
        found[row["response_id"]] = {
            "given": given,
            "calls": bool(row["comment"]) or unhappy,
            "answered": min((m for m in replies if given < m <= given + days), default=None),
            "acted": any(given < m <= given + days for m in deeds),
            "is_over": given + days <= END,
            "survey_type": row["survey_type"],
            "channel": row["channel"] or "unknown",
            "touchpoint": touchpoint,
            "tone": "unfavourable" if unhappy else "favourable",
            "month": given.date().replace(day=1),
            "published": {
                "feedback_key": surrogate("canonical", row["response_id"]),
                "source_system": "canonical",
                "customer_key": customer,
                "case_key": surrogate("canonical", row["case_id"]) if row["case_id"] else None,
                "survey_type": row["survey_type"],
                "channel": row["channel"],
                "touchpoint": touchpoint,
                "score": score,
                "scale_min": low,
                "scale_max": high,
                "is_unfavourable": unhappy,
                "comment": row["comment"],
                "given_at": given,
                "due_at": given + days,
                "waiting_days": (END - given) / timedelta(days=1),
                "is_overdue": given + days <= END,
            },
        }
    return found


def test_channels_by_month_and_in_all(marts: duckdb.DuckDBPyConnection) -> None:
    contacts = marts.execute("from marts.fct_interactions").df()
    mix = marts.execute("from marts.mart_channel_mix").df()
    contacts["period_month"] = contacts["occurred_at"].dt.to_period("M").dt.to_timestamp()
    levels = marts.execute("from marts.mart_channel_levels").df()
    levels["period_month"] = pd.to_datetime(levels["period_month"])
    for period, own in (("month", ["period_month"]), ("all_time", [])):
        groups = contacts.assign(channel=contacts["channel"].fillna("unknown")).groupby(
            ["channel", *own]
        )
        minutes = groups["response_minutes"]
        expected = pd.DataFrame(
            {
                "count_interactions": groups.size(),
                "count_customers": groups["customer_key"].nunique(),
                "count_inbound": groups["direction"].agg(lambda said: (said == "inbound").sum()),
                "count_answered": groups["is_answered"].agg(lambda is_so: (is_so == True).sum()),  # noqa: E712  # unknown is neither
                "count_unanswered": groups["is_answered"].agg(lambda is_so: (is_so == False).sum()),  # noqa: E712
                "median_response_minutes": minutes.quantile(0.5),
                "p90_response_minutes": minutes.quantile(0.9),
            }
        )
        found = levels[levels["period_type"] == period].set_index(["channel", *own])
        found = found.sort_index()
        assert found.index.tolist() == expected.sort_index().index.tolist()
        for column in expected:
            assert found[column].to_numpy(float) == pytest.approx(
                expected[column].sort_index().to_numpy(float), nan_ok=True
            ), column
        whole = expected["count_interactions"]
        total = whole.groupby(level=own).transform("sum") if own else whole.sum()
        assert found["share"].to_numpy() == pytest.approx((whole / total).sort_index().to_numpy())
        judged = found["count_answered"] + found["count_unanswered"]
        rate = (found["count_answered"] / judged).to_numpy(float)
        assert found["answered_rate"].to_numpy(float) == pytest.approx(rate, nan_ok=True)
        count_all = total if own else np.full(len(whole), total)
        assert found["count_all"].tolist() == pd.Series(
            np.asarray(count_all), whole.index
        ).sort_index().tolist()  # fmt: skip
        for name, hits, of in (
            ("share", found["count_interactions"], found["count_all"]),
            ("answered", found["count_answered"], judged.where(judged > 0)),
        ):
            ends = proportion_confint(hits, of.astype(float), method="wilson")
            for side, end in zip(("low", "high"), ends, strict=True):
                assert found[f"{name}_ci_{side}"].to_numpy(float) == pytest.approx(
                    np.asarray(end, float), nan_ok=True, abs=1e-9
                )
        assert (found["is_small_sample"] == (found["count_all"] < 30)).all()
    of_all = levels[levels["period_type"] == "all_time"].set_index("channel")
    own_mix = mix.set_index(["customer_key", "channel"]).sort_index()
    groups = contacts.dropna(subset=["customer_key", "channel"]).groupby(
        ["customer_key", "channel"]
    )
    for column, values in {
        "count_inbound": groups["direction"].agg(lambda said: (said == "inbound").sum()),
        "count_answered": groups["response_minutes"].count(),
        "median_response_minutes": groups["response_minutes"].median(),
    }.items():
        assert own_mix[column].to_numpy(float) == pytest.approx(
            values.sort_index().to_numpy(float), nan_ok=True
        ), column
    preferred = mix[mix["is_preferred"]]["channel"].value_counts()
    for channel, count in preferred.items():
        assert of_all.loc[channel, "count_preferring"] == count
    for name, side in (
        ("count_shifted_to", "is_preferred"),
        ("count_shifted_from", "was_preferred"),
    ):
        shifted = mix[(mix["has_shifted"] == True) & (mix[side] == True)]["channel"].value_counts()  # noqa: E712  # unknown is neither
        assert of_all[name].drop("unknown", errors="ignore").to_dict() == (
            shifted.reindex(of_all.index.drop("unknown", errors="ignore"), fill_value=0).to_dict()
        )


def test_feedback_is_answered_or_on_the_list(
    marts: duckdb.DuckDBPyConnection, feedback: dict[str, Row]
) -> None:
    calling = {key: row for key, row in feedback.items() if row["calls"]}
    waiting = [row["published"] for row in calling.values() if row["answered"] is None]
    order = sorted(
        waiting,
        key=lambda row: (
            not row["is_unfavourable"], row["comment"] is None, END - row["given_at"],
            row["feedback_key"],
        ),
    )  # fmt: skip
    assert_rows(
        marts,
        "select feedback_key as key, * exclude (response_id) from marts.mart_unanswered_feedback",
        {row["feedback_key"]: row | {"urgency_rank": n} for n, row in enumerate(order, start=1)},
    )
    assert {key for key, row in calling.items() if row["answered"] is None} == {
        key
        for (key,) in marts.execute(
            "select response_id from marts.mart_unanswered_feedback"
        ).fetchall()
    }
    expected = {}
    names = ("survey_type", "channel", "touchpoint", "tone")
    cells = {
        (month, cut, row[cut] if cut != "all" else "all")
        for row in feedback.values()
        for month in (row["month"], None)
        for cut in (*names, "all")
    }
    for month, cut, value in cells:
        everything = [
            row
            for row in feedback.values()
            if month in (None, row["month"]) and (cut == "all" or row[cut] == value)
        ]
        rows = [row for row in everything if row["calls"]]
        hours = [
            (row["answered"] - row["given"]) / timedelta(hours=1) for row in rows if row["answered"]
        ]
        answered, unanswered = len(hours), sum(
            row["answered"] is None and row["is_over"] for row in rows
        )  # fmt: skip
        acted = sum(row["acted"] for row in rows)
        not_acted = sum(not row["acted"] and row["is_over"] for row in rows)
        expected[month, cut, value] = {
            "period_type": "month" if month else "all_time",
            "count_feedback": len(everything),
            "count_anonymous": 0,
            "count_waiting": len(rows) - answered - unanswered,
            "count_unknown": 0,  # the sample's contacts and cases are exported
            "p90_hours_to_answer": p90(hours),
            "answered_ci_high": rate(answered, unanswered)["ci_high"],
            "acted_on_rate": rate(acted, not_acted)["rate"],
            "acted_on_ci_low": rate(acted, not_acted)["ci_low"],
            "acted_on_ci_high": rate(acted, not_acted)["ci_high"],
            "is_small_sample": answered + unanswered < 30,
            "count_calling": len(rows),
            "count_answered": answered,
            "count_unanswered": unanswered,
            "median_hours_to_answer": np.median(hours) if hours else None,
            "count_acted_on": acted,
            "count_not_acted_on": not_acted,
            "answered_rate": rate(answered, unanswered)["rate"],
            "answered_ci_low": rate(answered, unanswered)["ci_low"],
        }
    assert_rows(
        marts,
        "select period_month, dimension_name, dimension_value, * exclude (period_month, "
        "dimension_name, dimension_value) from marts.mart_feedback_handling",
        expected,
        keys=3,
    )
    assert expected[None, "all", "all"]["count_answered"] > 3


def test_journeys_follow_purchases_and_recommendations(
    marts: duckdb.DuckDBPyConnection,
    sample_exports: Path,
    key_of: Mapping[str, str],
) -> None:
    days: dict[str, set[Any]] = defaultdict(set)
    for order in read(sample_exports, "orders", ["ordered_at"]):
        customer = key_of.get(order["customer_id"])
        if order["order_status"] != "cancelled" and customer is not None:
            days[customer].add(order["ordered_at"].date())
    advocates = {
        key_of[row["referrer_customer_id"]]
        for row in read(sample_exports, "referrals", ["invited_at"])
        if row["referrer_customer_id"] in key_of
    } | {
        key_of[row["customer_id"]]
        for row in read(sample_exports, "survey_responses", ["responded_at", "invited_at"])
        if row["survey_type"] == "nps"
        and row["dimension"] == "overall"
        and row["customer_id"] in key_of
        and row["score"] is not None
        and float(row["score"]) >= 9
    }
    loyal = COMPANY.journey.loyal_purchase_days
    expected = {
        stage: {
            customer: sorted(own)[number - 1]
            for customer, own in days.items()
            if len(own) >= number
        }
        for stage, number in (("first_purchase", 1), ("repeat_purchase", 2), ("loyal", loyal))
    }
    for stage, dates in expected.items():
        found = dict(
            marts.execute(
                "select customer_key, cast(reached_at as date) from marts.mart_customer_journey "
                "where stage = ?",
                [stage],
            ).fetchall()
        )
        assert found == dates
    recommending = marts.execute(
        "select customer_key from marts.mart_customer_journey where stage = 'advocate'"
    ).fetchall()
    assert {key for (key,) in recommending} == advocates
    funnel = dict(
        marts.execute(
            "select stage, count_reached from marts.mart_journey_funnel "
            "where dimension_name = 'all'"
        ).fetchall()
    )
    assert funnel["first_purchase"] == len(days)
    assert funnel["repeat_purchase"] == len(expected["repeat_purchase"])
    assert funnel["loyal"] == len(expected["loyal"])
    assert funnel["advocate"] == len(advocates & expected["loyal"].keys())
