"""What is planted can be found again, and the truth beside the exports is complete."""

import json
from datetime import date

import duckdb
import numpy as np
import phonenumbers
import pytest
from scipy import integrate, stats

from models.satisfaction.driver_weights import driver_weights
from samples.draws import stream
from samples.parameters import Acquisition, Identity, Parameters, PurchaseProcess, Spend
from samples.people import draw_people
from samples.purchases import simulate_purchases
from tests.unit.samples.sample_files import AS_OF, Sample

PLANTED = Parameters()


def value(con: duckdb.DuckDBPyConnection, query: str) -> float:
    row = con.execute(query).fetchone()
    assert row is not None
    return float(row[0])


def expected_repeats(process: PurchaseProcess, days: float) -> float:
    """Expected repeat purchases in a time: E over p of (1-p)/p (1 - (alpha/(alpha + p t))^r).

    A buyer survives the first purchase with probability 1 - p and then leaves at rate lambda p.
    """

    def given_dropout(p: float) -> float:
        alive = (process.alpha / (process.alpha + p * days)) ** process.r
        return float((1 - p) / p * (1 - alive) * stats.beta.pdf(p, process.a, process.b))

    return float(integrate.quad(given_dropout, 0, 1, limit=200)[0])


def test_purchases_follow_the_planted_process() -> None:
    history_days, customers = 1095, 40_000
    people = draw_people(
        stream(3, "people"), customers, np.datetime64("2023-11-02"), Acquisition(), Identity()
    )
    process = PLANTED.purchase_process
    history = simulate_purchases(stream(3, "purchases"), people, history_days, process)
    count = np.bincount(history.purchases.person, minlength=customers)[~people.is_prospect]
    days = history_days - people.first_day[~people.is_prospect]
    grid = np.linspace(0, history_days, 40)
    theory = np.interp(days, grid, [expected_repeats(process, t) for t in grid])
    error = (count - 1 - theory).std() / np.sqrt(count.size)
    assert (count - 1 - theory).mean() == pytest.approx(0, abs=4 * error)
    assert count[people.is_prospect[~people.is_prospect]].size == 0

    # Dropout right after the first purchase happens with the mean of the Beta distribution.
    first = np.r_[True, np.diff(history.purchases.person) > 0]
    left = history.purchases.is_last[first]
    share = process.a / (process.a + process.b)
    assert left.mean() == pytest.approx(share, abs=4 * np.sqrt(share / left.size))


def test_a_customer_never_buys_after_dropping_out() -> None:
    people = draw_people(
        stream(4, "people"), 5_000, np.datetime64("2023-11-02"), Acquisition(), Identity()
    )
    history = simulate_purchases(stream(4, "purchases"), people, 1095, PLANTED.purchase_process)
    bought = history.purchases
    same_next = bought.person[1:] == bought.person[:-1]
    assert not (bought.is_last[:-1] & same_next).any()
    assert (np.diff(bought.day)[same_next] > 0).all()


def test_written_orders_have_the_planted_mean_and_share(
    large_db: duckdb.DuckDBPyConnection,
) -> None:
    """About three orders per buyer; the best fifth of the customers holds most of the money."""
    row = large_db.execute(
        """
        with buyers as (
            select person_id, count(*) as orders, sum(net_revenue::decimal(18, 2)) as revenue
            from orders join identities on source_record_id = customer_id
            where order_status <> 'cancelled' and order_id not in (
                select order_id from order_lines join products using (product_id)
                where category = 'Subscription'
            )
            group by person_id
        ),
        ranked as (select *, percent_rank() over (order by revenue desc) as position from buyers)
        select
            avg(orders),
            (sum(revenue) filter (position < 0.2)) / sum(revenue),
            count(*)
        from ranked
        """
    ).fetchone()
    assert row is not None
    assert 2.9 < row[0] < 3.7
    assert 0.6 < row[1] < 0.75
    assert row[2] == 20_000 * 0.95


def test_spend_is_gamma_gamma(large_db: duckdb.DuckDBPyConnection) -> None:
    spend: Spend = PLANTED.spend
    per_person = np.array(
        large_db.execute(
            """
            select avg(net_revenue::double), count(*)
            from orders join identities on source_record_id = customer_id
            group by person_id
            """
        ).fetchall()
    )
    mean, count = per_person.T
    expected = spend.p * spend.gamma / (spend.q - 1)
    assert mean.mean() == pytest.approx(expected, abs=4 * mean.std() / np.sqrt(mean.size))
    # One order per customer: p * gamma / q times an F(2p, 2q) variable.
    single = mean[count == 1] * spend.q / (spend.p * spend.gamma)
    assert stats.kstest(single, stats.f(2 * spend.p, 2 * spend.q).cdf).pvalue > 0.01
    # The mean does not depend on the number of orders (its spread does, so no rank correlation).
    assert abs(np.corrcoef(mean, count)[0, 1]) < 0.03


def test_driver_weights_can_be_estimated(large_db: duckdb.DuckDBPyConnection) -> None:
    weights = PLANTED.satisfaction.driver_weights
    names = ", ".join(f"'{name}'" for name in weights)
    rows = large_db.execute(
        f"""
        pivot (
            select response_id, dimension, score::double as score from survey_responses
            where survey_type = 'csat' and case_id is null and score is not null
        ) on dimension in ('overall', {names}) using any_value(score)
        """
    ).fetchnumpy()
    drivers = np.column_stack([rows[name] for name in weights])
    design = np.column_stack([np.ones(len(drivers)), drivers])
    found = np.linalg.lstsq(design, rows["overall"], rcond=None)[0][1:]
    planted = np.array(list(weights.values()))
    assert len(drivers) > 3_000
    # Rounded and bounded answers weaken every slope a little; their proportions stay.
    np.testing.assert_allclose(found / found.sum(), planted, atol=0.04)
    assert found.sum() == pytest.approx(1, abs=0.15)
    # The measure that the marts publish finds the same, every driver for certain, in order.
    weighed = driver_weights(drivers, rows["overall"], generator=np.random.default_rng(1))
    assert weighed.effect == pytest.approx(found)
    assert weighed.is_significant.all() and weighed.is_separable.all()
    scaled = found.sum() * planted
    assert ((weighed.effect_low - 0.03 < scaled) & (scaled < weighed.effect_high + 0.03)).all()
    strong = planted >= 0.08  # the two weakest are equal
    assert (np.argsort(weighed.relative_weight[strong]) == np.argsort(planted[strong])).all()


def test_late_deliveries_and_leaving_show_in_the_answers(
    large_db: duckdb.DuckDBPyConnection,
) -> None:
    late, in_time = (
        value(
            large_db,
            f"""
            select avg(score::double) from survey_responses join orders using (order_id)
            where dimension = 'service_quality' and case_id is null
              and delivered_at::timestamp {comparison} promised_at::timestamp + interval 1 day
            """,
        )
        for comparison in (">", "<=")
    )
    assert late < in_time - 0.4


def test_campaigns_have_the_planted_uplift(large_db: duckdb.DuckDBPyConnection) -> None:
    row = large_db.execute(
        """
        with outcome as (
            select
                objective,
                is_control::boolean as is_control,
                exists (
                    select 1 from orders
                    join identities as buyer on buyer.source_record_id = orders.customer_id
                    where buyer.person_id = member.person_id
                      and order_status <> 'cancelled'
                      and ordered_at::timestamp
                          between start_date::timestamp + interval 1 day
                          and start_date::timestamp + interval 24 day
                ) as buys
            from campaign_members
            join campaigns using (campaign_id)
            join identities as member on member.source_record_id = customer_id
        )
        select
            avg(buys::int) filter (not is_control) - avg(buys::int) filter (is_control),
            count(*) filter (not is_control),
            count(*) filter (is_control)
        from outcome
        """
    ).fetchone()
    assert row is not None
    planted = np.mean(list(PLANTED.campaigns.order_uplift.values()))
    error = np.sqrt(0.1 * 0.9 * (1 / row[1] + 1 / row[2]))
    assert row[0] == pytest.approx(planted, abs=3 * error)
    share = PLANTED.campaigns.control_share
    assert row[2] / (row[1] + row[2]) == pytest.approx(share, abs=0.02)


def test_acquisition_costs_are_planted_per_customer(large_db: duckdb.DuckDBPyConnection) -> None:
    rows = large_db.execute(
        """
        with
        won as (
            select acquisition_channel as channel, count(*) as customers
            from (
                select person_id, any_value(acquisition_channel) as acquisition_channel,
                    min(created_at) as created_at
                from customers join identities on source_record_id = customer_id
                where exists (
                    select 1 from orders join identities as buyer
                        on buyer.source_record_id = orders.customer_id
                    where buyer.person_id = identities.person_id
                )
                group by person_id
            )
            group by all
        )
        select channel, sum(amount::double) / any_value(customers)
        from costs join won using (channel)
        where cost_type = 'acquisition'
        group by channel
        """
    ).fetchall()
    assert dict(rows) == pytest.approx(PLANTED.acquisition.cost_per_customer, rel=0.06)


def test_points_never_fall_below_zero_and_tiers_never_down(
    large_db: duckdb.DuckDBPyConnection,
) -> None:
    row = large_db.execute(
        """
        with running as (
            select
                person_id,
                event_type,
                sum(points::integer) over (
                    partition by person_id order by loyalty_event_id
                ) as balance,
                list_position(['bronze', 'silver', 'gold'], tier) as tier,
                lag(list_position(['bronze', 'silver', 'gold'], tier)) over (
                    partition by person_id order by occurred_at, event_type = 'burn',
                    loyalty_event_id
                ) as tier_before
            from loyalty_events join identities on source_record_id = customer_id
        )
        select min(balance), count(*) filter (tier < tier_before), max(tier) from running
        """
    ).fetchone()
    assert row == (0, 0, 3)


def test_referrals_come_before_the_customer(large_db: duckdb.DuckDBPyConnection) -> None:
    row = large_db.execute(
        """
        select
            count(*) filter (converted_at < invited_at),
            count(*) filter (invited_at < referrer.created_at),
            count(referred_customer_id) / count(*)
        from referrals
        join customers as referrer on referrer.customer_id = referrer_customer_id
        """
    ).fetchone()
    assert row is not None
    assert row[:2] == (0, 0)
    assert row[2] == pytest.approx(PLANTED.acquisition.referral_conversion_rate, abs=0.03)


def test_stages_of_a_case_are_in_order(large_db: duckdb.DuckDBPyConnection) -> None:
    wrong = large_db.execute(
        """
        select case_id,
            string_agg(to_value, ' ' order by case_event_id)
                filter (event_type = 'status') as stages,
            any_value(status) as status
        from case_events join cases using (case_id)
        group by case_id
        having not starts_with('new open pending solved open solved closed', stages)
            and not starts_with('new open pending solved closed', stages)
            or split_part(stages, ' ', -1) <> any_value(status)
        """
    )
    assert wrong.fetchone() is None


def test_every_record_has_one_known_person(
    large: Sample, large_db: duckdb.DuckDBPyConnection
) -> None:
    row = large_db.execute(
        """
        select count(*), count(distinct source_record_id), count(distinct person_id),
            count(customers.customer_id), bool_and(source_system = 'canonical'),
            bool_and(source_object = 'customers')
        from identities full join customers on source_record_id = customer_id
        """
    ).fetchone()
    records = large.summary.records
    assert row == (records, records, 20_000, records, True, True)


def test_duplicates_are_as_many_as_planted_and_can_be_found(
    large_db: duckdb.DuckDBPyConnection,
) -> None:
    """Every further record shares an address, a number or a link with another of its person."""
    row = large_db.execute(
        """
        with records as (
            select
                customer_id, person_id, external_ids,
                lower(regexp_replace(email, '[+].*@', '@')) as email,
                right(regexp_replace(phone, '[^0-9]', '', 'g'), 10) as phone,
                created_at
            from customers join identities on source_record_id = customer_id
        ),
        pairs as (
            select
                one.person_id,
                other.customer_id,
                bool_or(
                    one.email = other.email or one.phone = other.phone
                    or other.external_ids = 'canonical:' || one.customer_id
                ) as is_found
            from records as one join records as other
                on one.person_id = other.person_id and one.created_at < other.created_at
            group by all
        )
        select count(distinct person_id) / 20000, bool_and(coalesce(is_found, false)) from pairs
        """
    ).fetchone()
    assert row is not None
    assert row[0] == pytest.approx(PLANTED.identity.duplicate_share, abs=0.006)
    assert row[1] is True


def test_other_people_share_an_address_only_where_planted(
    large_db: duckdb.DuckDBPyConnection,
) -> None:
    shared = large_db.execute(
        """
        select lower(email), count(distinct person_id)
        from customers join identities on source_record_id = customer_id
        where email is not null
        group by all having count(distinct person_id) > 1
        """
    ).fetchall()
    assert "test@test.com" in dict(shared)
    boxes = {email: people for email, people in shared if email != "test@test.com"}
    assert boxes
    assert all(email.startswith("info@") for email in boxes)
    assert max(boxes.values()) == PLANTED.identity.customers_per_shared_mailbox


def test_phone_numbers_are_valid(history_db: duckdb.DuckDBPyConnection) -> None:
    numbers = [row[0] for row in history_db.execute("select phone from customers").fetchall()]
    written = {number for number in numbers if number not in (None, "0000000000")}
    assert len(written) > 1_000
    for number in written:
        assert phonenumbers.is_valid_number(phonenumbers.parse(number, "US")), number
    assert any(number.startswith("+1 ") for number in written)


def test_households_share_a_landline(large_db: duckdb.DuckDBPyConnection) -> None:
    pairs = value(
        large_db,
        """
        select count(*) from (
            select right(regexp_replace(phone, '[^0-9]', '', 'g'), 10) as number
            from customers join identities on source_record_id = customer_id
            where phone <> '0000000000'
            group by number
            having count(distinct person_id) > 1
        )
        """,
    )
    identity = PLANTED.identity
    planted = 20_000 * identity.household_share / 2 * identity.shared_landline_share
    assert pairs == pytest.approx(planted, rel=0.15)


def test_new_customers_grow_and_have_seasons(large_db: duckdb.DuckDBPyConnection) -> None:
    months = dict(
        large_db.execute("select created_at[:7], count(*) from customers group by all").fetchall()
    )
    assert months["2025-12"] > 1.3 * months["2025-09"]
    assert months["2026-06"] > 1.1 * months["2025-06"] > 1.2 * months["2024-06"]


def test_realised_numbers_are_those_of_the_files(
    large: Sample, large_db: duckdb.DuckDBPyConnection
) -> None:
    truth = json.loads((large.out / "truth" / "parameters.json").read_text(encoding="utf-8"))
    realised = truth["realised"]
    orders = sum(count for name, count in realised.items() if name.startswith("orders_from_"))
    assert orders == large.summary.rows["orders"]
    cancelled = "select count(*) from orders where order_status = 'cancelled'"
    assert value(large_db, cancelled) <= realised["orders_from_cancelled_attempt"]
    joined = "select count(*) from loyalty_events where event_type = 'join'"
    assert value(large_db, joined) == realised["loyalty_members"]


def test_people_are_adults(history_db: duckdb.DuckDBPyConnection) -> None:
    row = history_db.execute("select min(birth_date), max(birth_date) from customers").fetchone()
    assert row is not None
    assert date.fromisoformat(row[0]).year > AS_OF.year - 95
    assert date.fromisoformat(row[1]).year < AS_OF.year - 17
