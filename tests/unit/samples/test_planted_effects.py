"""What is planted beside the purchase process: contracts, recovery, clocks, comments, reasons.

Each is found again in the written files, and gone when its parameter is zero.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest

from samples import Parameters
from samples.parameters import Campaigns
from tests.unit.samples.sample_files import Sample, connect, load_objects, make_sample

PLANTED = Parameters()
_EXIT_SURVEYS = "from survey_responses where survey_type = 'other' and dimension = 'overall'"
_EXIT_ANSWERS = f"select comment {_EXIT_SURVEYS} and score is not null"


def value(con: duckdb.DuckDBPyConnection, query: str) -> float:
    row = con.execute(query).fetchone()
    assert row is not None
    return float(row[0])


def truth(sample: Sample, name: str) -> list[dict[str, str]]:
    path = sample.out / "truth" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def without_effects(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A company of the same seed in which nothing has an effect."""
    nothing = replace(
        PLANTED,
        contracts=replace(PLANTED.contracts, subscriber_share=0.0),
        orders=replace(PLANTED.orders, anonymous_share=0.0),
        satisfaction=replace(PLANTED.satisfaction, before_dropout=0.0),
        service=replace(PLANTED.service, recovery_uplift=0.0, phone_to_chat_per_year=0.0),
        service_clock=replace(PLANTED.service_clock, count=0),
        exits=replace(PLANTED.exits, response_rate=0.0),
        loyalty=replace(PLANTED.loyalty, rate_uplift=0.0),
        campaigns=Campaigns(order_uplift=dict.fromkeys(PLANTED.campaigns.order_uplift, 0.0)),
    )
    out = tmp_path_factory.mktemp("nothing")
    sample = make_sample(out, customers=1_500, parameters=nothing)
    content = json.loads((out / "truth" / "parameters.json").read_text(encoding="utf-8"))
    assert content["service"]["recovery_uplift"] == 0
    realised = content["realised"]
    for origin in ("loyalty_uplift", "campaign_uplift", "recovery_uplift", "subscription"):
        assert realised[f"orders_from_{origin}"] == 0
    with connect(sample, load_objects()) as con:
        yield con


def test_without_effects_there_is_nothing_to_find(
    without_effects: duckdb.DuckDBPyConnection, history_db: duckdb.DuckDBPyConnection
) -> None:
    for query in (
        "select count(*) from orders where customer_id is null",
        f"select count(*) from ({_EXIT_ANSWERS})",
        "select count(*) from order_lines join products using (product_id) "
        "where category = 'Subscription'",
    ):
        assert value(without_effects, query) == 0
        assert value(history_db, query) > 0


def test_renewals_are_sbg(large_db: duckdb.DuckDBPyConnection) -> None:
    """The first renewal happens with chance beta / (alpha + beta), the second is likelier."""
    for name, plan in PLANTED.contracts.plans.items():
        days = 31 * plan.months + 3
        rows = large_db.execute(
            f"""
            with payments as (
                select
                    customer_id,
                    ordered_at::timestamp as paid_at,
                    row_number() over (partition by customer_id order by ordered_at) as number,
                    lead(ordered_at::timestamp) over (
                        partition by customer_id order by ordered_at
                    ) as renewed_at
                from orders join order_lines using (order_id) join products using (product_id)
                where product_name = ?
            )
            select number, count(*), avg((renewed_at is not null)::int)
            from payments
            where paid_at < timestamp '2026-11-01' - interval {days} day and number <= 2
            group by number order by number
            """,
            [name],
        ).fetchall()
        (_, first, renewed), *later = rows
        chance = plan.beta / (plan.alpha + plan.beta)
        assert renewed == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / first))
        _, second, renewed_again = later[0]
        assert renewed_again > chance - 3 * np.sqrt(chance * (1 - chance) / second)
    gaps = large_db.execute(
        """
        select distinct date_diff('month', ordered_at::timestamp, following)
        from (
            select ordered_at, product_name, lead(ordered_at::timestamp) over (
                partition by customer_id, product_name order by ordered_at
            ) as following
            from orders join order_lines using (order_id) join products using (product_id)
            where product_name like '%monthly'
        ) where following is not null
        """
    ).fetchall()
    assert gaps == [(1,)]


def test_complaints_handled_well_bring_orders(
    large: Sample, large_db: duckdb.DuckDBPyConnection
) -> None:
    well = value(
        large_db,
        """
        select count(*) from cases
        where is_complaint = 'true' and closed_at is not null
          and closed_at::timestamp < timestamp '2026-11-01' - interval 150 day
          and case_id not in (
            select case_id from case_events where from_value = 'solved' and to_value = 'open'
        )
        """,
    )
    content = json.loads((large.out / "truth" / "parameters.json").read_text(encoding="utf-8"))
    caused = content["realised"]["orders_from_recovery_uplift"]
    # Complaints of the last months brought some of their orders, too.
    assert PLANTED.service.recovery_uplift * well * 0.9 < caused
    assert caused < PLANTED.service.recovery_uplift * well * 1.3


def test_anonymous_sales_are_at_the_till(large_db: duckdb.DuckDBPyConnection) -> None:
    row = large_db.execute(
        """
        select count(*), count(*) filter (where channel = 'store' and order_status = 'delivered')
        from orders where customer_id is null
        """
    ).fetchone()
    known = "select count(*) from orders where channel = 'store' and customer_id is not null"
    assert row is not None
    assert row[0] == row[1]
    assert row[0] / value(large_db, known) == pytest.approx(PLANTED.orders.anonymous_share, rel=0.2)


def minutes_of_opening(start: datetime, end: datetime, closed: set[date]) -> int:
    """Count, minute by minute, how long the service was open."""
    clock, zone = PLANTED.service_clock, ZoneInfo(PLANTED.service_clock.time_zone)
    count = 0
    while start < end:
        local = start.astimezone(zone)
        is_day = local.weekday() < 5 and local.date() not in closed
        count += is_day and clock.opens <= local.hour < clock.closes
        start += timedelta(minutes=1)
    return count


def test_clock_cases_take_the_minutes_that_truth_says(
    history: Sample, history_db: duckdb.DuckDBPyConnection
) -> None:
    content = json.loads((history.out / "truth" / "parameters.json").read_text(encoding="utf-8"))
    closed = {date.fromisoformat(day) for day in content["closed_days"]}
    assert {date(2025, 11, 27), date(2026, 7, 4), date(2025, 12, 25)} <= closed
    rows = truth(history, "service_clocks")
    assert len(rows) > 20
    met = set()
    for row in rows:
        times = history_db.execute(
            "select opened_at, first_response_at, resolved_at from cases where case_id = ?",
            [row["case_id"]],
        ).fetchone()
        assert times is not None
        opened, replied, resolved = (
            datetime.fromisoformat(text).replace(tzinfo=UTC) for text in times
        )
        counted = minutes_of_opening(opened, replied, closed)
        assert counted == int(row["first_response_business_minutes"])
        met.add(counted <= PLANTED.service_clock.reply_target)
        # Only some of the long ones: every minute is walked.
        if int(row["case_id"][-1]) < 2:
            counted = minutes_of_opening(opened, resolved, closed)
            assert counted == int(row["resolution_business_minutes"])
    assert met == {True, False}
    changes = {date(2025, 3, 9), date(2025, 11, 2), date(2026, 3, 8)}
    crossing = value(
        history_db,
        f"""
        select count(distinct changed) from cases,
            unnest([{", ".join(f"timestamp '{day} 08:00:00'" for day in changes)}]) as t(changed)
        where case_id >= '{rows[0]["case_id"]}'
          and changed between opened_at::timestamp and first_response_at::timestamp
        """,
    )
    assert crossing == len(changes)


def test_customers_write_again_and_are_answered(large_db: duckdb.DuckDBPyConnection) -> None:
    row = large_db.execute(
        """
        select
            count(*) filter (where actor_type = 'customer'),
            count(*) filter (where actor_type = 'agent'),
            (select count(*) from cases)
        from case_events where event_type = 'reply'
        """
    ).fetchone()
    assert row is not None
    asked, answered, cases = row
    assert asked / cases == pytest.approx(PLANTED.service.follow_up_share, abs=0.03)
    assert answered > cases


def test_calls_become_chats(
    large_db: duckdb.DuckDBPyConnection, without_effects: duckdb.DuckDBPyConnection
) -> None:
    def share(con: duckdb.DuckDBPyConnection, year: str) -> float:
        return value(
            con,
            f"""
            select avg((channel = 'chat')::int) from interactions
            where case_id is null and channel in ('chat', 'phone') and occurred_at like '{year}%'
            """,
        )

    assert share(large_db, "2026") > share(large_db, "2024") + 0.04
    assert share(without_effects, "2026") == pytest.approx(share(without_effects, "2024"), abs=0.12)


def test_comments_say_what_truth_says(history: Sample, large_db: duckdb.DuckDBPyConnection) -> None:
    known = {row["comment"]: row for row in truth(history, "comments")}
    written = large_db.execute(
        """
        select comment, survey_type, (score::double - scale_min::int)
            / (scale_max::int - scale_min::int)
        from survey_responses where comment is not null
        """
    ).fetchall()
    assert len({text for text, _, _ in written}) > 500
    tones = {"positive": (0.85, 1.0), "mixed": (0.5, 0.849), "negative": (0.0, 0.499)}
    for text, survey, position in written:
        meaning = known[text]
        if survey == "other":
            assert meaning["exit_reason"]
        else:
            low, high = tones[meaning["tone"]]
            assert low <= position <= high
            assert meaning["topics"]
    chinese = np.mean(
        [known[text]["language"] == "zh" for text, kind, _ in written if kind != "other"]
    )
    assert chinese == pytest.approx(0.15, abs=0.03)
    topics = {topic for row in known.values() for topic in row["topics"].split(";") if topic}
    assert topics == {*PLANTED.satisfaction.driver_weights}


def test_reasons_to_leave_have_the_planted_shares(
    history: Sample, large_db: duckdb.DuckDBPyConnection
) -> None:
    reasons = {row["comment"]: row["exit_reason"] for row in truth(history, "comments")}
    answers = large_db.execute(_EXIT_ANSWERS).fetchall()
    found = [reasons[text] for (text,) in answers]
    shares = PLANTED.exits.reason_shares
    assert len(found) > 800
    for reason, share in shares.items():
        error = 4 * np.sqrt(share * (1 - share) / len(found))
        assert found.count(reason) / len(found) == pytest.approx(share, abs=error)
    rate = len(found) / value(large_db, f"select count(*) {_EXIT_SURVEYS}")
    assert rate == pytest.approx(PLANTED.exits.response_rate, abs=0.02)


def test_customers_say_what_they_buy_for(large_db: duckdb.DuckDBPyConnection) -> None:
    """Answers of a customer belong to one group; the means over all are those planted."""
    needs = PLANTED.needs
    rows = large_db.execute(
        """
        select customer_id, dimension, avg(score::int), count(*) from survey_responses
        where dimension like '%_need' and score is not null group by all
        """
    ).fetchall()
    for need in needs.group_means[0]:
        scores = [mean for _, name, mean, _ in rows if name == need]
        planted = np.average([m[need] for m in needs.group_means], weights=needs.group_shares)
        assert len(scores) > 1_000
        # Rounding to the scale and its ends take a little.
        assert np.mean(scores) == pytest.approx(planted, abs=0.12)
    asked = value(
        large_db, "select count(distinct response_id) from survey_responses "
        "where dimension = 'social_need'",
    )  # fmt: skip
    answered = sum(count for _, name, _, count in rows if name == "social_need")
    assert answered / asked == pytest.approx(PLANTED.satisfaction.response_rate, abs=0.03)


def test_the_rest_of_the_company_is_as_it_is_without_the_effects(tmp_path: Path) -> None:
    """Contracts, recovery and anonymous sales are appended: no other order changes its number."""
    without = replace(
        PLANTED,
        contracts=replace(PLANTED.contracts, subscriber_share=0.0),
        orders=replace(PLANTED.orders, anonymous_share=0.0),
        service=replace(PLANTED.service, recovery_uplift=0.0),
    )
    full = make_sample(tmp_path / "full", customers=300)
    part = make_sample(tmp_path / "part", customers=300, parameters=without)
    for name in ("orders", "order_lines", "payments", "cases", "survey_responses", "customers"):
        ((longer,), (shorter,)) = full.files(name), part.files(name)
        assert longer.read_bytes().startswith(shorter.read_bytes()), name
    assert full.summary.rows["orders"] > part.summary.rows["orders"]


def test_campaign_costs_of_acquisition_are_the_costs_that_name_the_campaign(
    history_db: duckdb.DuckDBPyConnection,
) -> None:
    """The same money in two files: whoever adds them counts it twice."""
    different = history_db.execute(
        """
        select campaign_id, actual_cost, sum(amount::decimal(18, 2)) as spent
        from campaigns join costs using (campaign_id)
        where objective = 'acquisition' and actual_cost is not null
        group by all having actual_cost::decimal(18, 2) <> spent
        """
    )
    assert different.fetchone() is None


def test_truth_lies_beside_the_exports(history: Sample) -> None:
    names = {path.name for path in (history.out / "truth").iterdir()}
    assert names == {"identities.csv", "parameters.json", "comments.csv", "service_clocks.csv"}


def test_agents_work_when_the_service_is_open_and_on_what_is_urgent_always(
    large: Sample, large_db: duckdb.DuckDBPyConnection
) -> None:
    clock = PLANTED.service_clock
    content = json.loads((large.out / "truth" / "parameters.json").read_text(encoding="utf-8"))
    closed = {date.fromisoformat(day) for day in content["closed_days"]}
    zone = ZoneInfo(clock.time_zone)
    outside = {True: 0, False: 0}
    # Those planted around changes of the clock have a course of their own.
    planted = [row["case_id"] for row in truth(large, "service_clocks")]
    events = large_db.execute(
        """
        select priority = 'urgent', occurred_at::timestamp
        from case_events join cases using (case_id)
        where actor_type = 'agent' and case_id not in (select unnest(?))
        """,
        [planted],
    ).fetchall()
    for is_urgent, occurred_at in events:
        local = occurred_at.replace(tzinfo=UTC).astimezone(zone)
        outside[is_urgent] += not (
            local.weekday() < 5
            and local.date() not in closed
            and clock.opens <= local.hour < clock.closes
        )
    assert outside[False] == 0
    assert outside[True] > 10
