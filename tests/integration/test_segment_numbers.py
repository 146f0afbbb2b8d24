"""Segments, key accounts, retention and action lists of the sample, computed again from the files.

Another way to the same numbers: the exported CSV files read with pandas, money as whole
ten-thousandths, every month and every period filtered and counted anew instead of carried forward.
Taken from what was published: who is the same customer, and predictions, which have tests of
their own.
"""

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from tests.conftest import AS_OF

DAY = pd.Timestamp(AS_OF)
CENT = 10_000  # money is counted in whole ten-thousandths: exact sums, exact ties
MARGIN_RATE = Decimal("0.30")
HISTORY_MONTHS = 24
SMALL_SAMPLE = 30
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Sample:
    """Sales of known customers with whole money, and the other exports with their customers."""

    sales: pd.DataFrame
    first_sale: pd.Timestamp
    """Of anybody, known or not."""
    cancelled: frozenset[str]
    lines: pd.DataFrame
    payments: pd.DataFrame
    costs: pd.DataFrame
    cases: pd.DataFrame
    responses: pd.DataFrame
    consents: pd.DataFrame
    customers: pd.DataFrame
    ltv: pd.DataFrame


def read(folder: Path, name: str) -> pd.DataFrame:
    (file,) = (folder / "canonical").glob(f"{name}_*.csv")
    return pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])


def whole(column: pd.Series) -> pd.Series:
    """Return money or quantities as whole ten-thousandths, nothing as 0."""
    return column.fillna("0").map(lambda text: int(Decimal(text) * CENT)).astype("int64")


def day(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column, format="ISO8601").dt.normalize()


@pytest.fixture(scope="module")
def sample(sample_exports: Path, marts: duckdb.DuckDBPyConnection) -> Sample:
    key_of = dict(
        marts.execute(
            "select source_record_id, customer_key from marts.customer_identities"
        ).fetchall()
    )
    orders, lines, products, payments, costs, cases, responses, consents, customers = (
        read(sample_exports, name)
        for name in (
            "orders", "order_lines", "products", "payments", "costs", "cases", "survey_responses",
            "consents", "customers",
        )
    )  # fmt: skip
    for table in (orders, costs, cases, responses, consents, customers):
        table["customer_key"] = table["customer_id"].map(key_of)
    orders["day"] = day(orders["ordered_at"])
    orders = orders[orders["day"] <= DAY].copy()
    lines = lines.merge(products[["product_id", "category", "unit_cost"]], "left", "product_id")
    cost = lines["unit_cost_x"].fillna(lines["unit_cost_y"])
    lines["revenue"] = whole(lines["net_revenue"])
    lines["units"] = whole(lines["quantity"])
    lines["margin"] = [
        int(Decimal(row.net_revenue) * (MARGIN_RATE if pd.isna(unit) else 1) * CENT)
        - (0 if pd.isna(unit) else int(Decimal(row.quantity) * Decimal(unit) * CENT))
        for row, unit in zip(lines.itertuples(), cost, strict=True)
    ]
    totals = lines.groupby("order_id")[["margin", "units"]].sum()
    orders = orders.merge(totals, "left", left_on="order_id", right_index=True)
    assert orders["margin"].notna().all(), "every order of the sample has lines"
    refund = whole(orders["refund_amount"])
    orders["spend"] = whole(orders["net_revenue"]) - refund
    orders["margin"] = orders["margin"].astype("int64") - refund
    known = orders[orders["customer_key"].notna()]
    sales = known[known["order_status"] != "cancelled"].copy()
    sales["month"] = sales["day"].dt.to_period("M")
    lines = lines.merge(sales[["order_id", "customer_key", "day"]], on="order_id")
    payments = payments.merge(sales[["order_id", "customer_key"]], on="order_id")
    payments["due"] = day(payments["due_at"])
    payments["paid"] = day(payments["paid_at"])
    payments["amount"] = whole(payments["amount"])
    costs["amount"] = whole(costs["amount"])
    costs["day"] = day(costs["incurred_on"])
    ltv = marts.execute(
        "select customer_key, cast(historic_value * 10000 as bigint) as historic_value, "
        "predicted_value_365d, predicted_value_lifetime from marts.mart_customer_ltv"
    ).df()
    return Sample(
        sales=sales,
        first_sale=orders.loc[orders["order_status"] != "cancelled", "day"].min(),
        cancelled=frozenset(known.loc[known["order_status"] == "cancelled", "customer_key"]),
        lines=lines,
        payments=payments,
        costs=costs[costs["day"] <= DAY],
        cases=cases,
        responses=responses,
        consents=consents,
        customers=customers,
        ltv=ltv.set_index("customer_key"),
    )


def table(marts: duckdb.DuckDBPyConnection, query: str, key: list[str]) -> pd.DataFrame:
    """Return a published table by its key, money as whole ten-thousandths, dates as timestamps."""
    relation = marts.execute(query)
    kinds = {name: str(kind) for name, kind, *_ in relation.description or ()}
    found = relation.df()
    for name, kind in kinds.items():
        if kind.startswith("DECIMAL"):
            found[name] = (found[name].astype(float) * CENT).round()
        elif kind in ("BIGINT", "INTEGER") and name not in key:
            found[name] = found[name].astype(float)
    assert not found.duplicated(key).any()
    return found.set_index(key).sort_index()


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Hold a published table against a computed one, in its columns: the same rows and values."""
    expected = expected.sort_index()
    assert sorted(map(str, found.index)) == sorted(map(str, expected.index))
    pd.testing.assert_frame_equal(
        found.loc[expected.index, list(expected.columns)],
        expected,
        check_dtype=False,
        check_index_type=False,
        check_names=False,
        check_column_type=False,
        rtol=1e-9,
        atol=1e-9,
    )


def score(values: pd.Series) -> pd.Series:
    """Return 1 + floor(5 (rank - 1) / n) with the smallest rank for ties."""
    return (1 + np.floor(5 * (values.rank(method="min") - 1) / len(values))).astype(int)


def name_of(recency: int, frequency_and_monetary: int) -> str:
    names = {
        5: "New New PotentialLoyalist PotentialLoyalist PotentialLoyalist Loyal",
        4: "Promising Promising PotentialLoyalist PotentialLoyalist PotentialLoyalist Loyal",
        3: "AboutToSleep AboutToSleep AboutToSleep NeedAttention NeedAttention Loyal",
        2: "Hibernating Hibernating Hibernating AtRisk AtRisk AtRisk",
        1: "Lost Lost Lost AtRisk AtRisk AtRisk",
    }
    last = {5: "Champions", 4: "Champions", 3: "Loyal", 2: "Can'tLose", 1: "Can'tLose"}
    return (names[recency].split() + [last[recency]] * 3)[frequency_and_monetary - 2]


def at_month_end(sales: pd.DataFrame, first_sale: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Return scores, names and tiers of all who had bought by then, from nothing but that."""
    before = sales[sales["day"] <= end]
    by_customer = before.groupby("customer_key")
    rows = by_customer.agg(
        last=("day", "max"),
        frequency=("day", "size"),
        monetary=("spend", "sum"),
        margin=("margin", "sum"),
    )
    year = before[before["day"] > end - pd.Timedelta(365, "D")]
    year_before = before[
        (before["day"] <= end - pd.Timedelta(365, "D"))
        & (before["day"] > end - pd.Timedelta(730, "D"))
    ]
    now = year.groupby("customer_key")["spend"].sum().reindex(rows.index, fill_value=0)
    then = year_before.groupby("customer_key")["spend"].sum().reindex(rows.index, fill_value=0)
    recency, frequency, monetary = map(
        score, (rows["last"].astype("int64"), rows["frequency"], rows["monetary"])
    )
    places = math.ceil(round(0.2 * len(rows), 9))
    core = (rows["margin"] > 0) & (rows["margin"].rank(method="min", ascending=False) <= places)
    has_two_years = first_sale <= end - pd.Timedelta(729, "D")
    grown = (then > 0) & (now >= then * 1.25) & has_two_years
    return pd.DataFrame(
        {
            "last_order_date": rows["last"],
            "recency_days": (end - rows["last"]).dt.days,
            "frequency": rows["frequency"],
            "monetary": rows["monetary"],
            "recency_score": recency,
            "frequency_score": frequency,
            "monetary_score": monetary,
            "segment": [
                name_of(r, f + m) for r, f, m in zip(recency, frequency, monetary, strict=True)
            ],
            "margin_after_refunds": rows["margin"],
            "value_tier": np.select([core, grown], ["core", "potential"], "ordinary"),
        }
    )


@pytest.fixture(scope="module")
def history(sample: Sample) -> pd.DataFrame:
    """Every month end of the last two years, each counted from the sales before it."""
    last = pd.Period(DAY, "M")
    months = {}
    for month in pd.period_range(last - HISTORY_MONTHS + 1, last, freq="M"):
        start = month.to_timestamp()
        end = min(month.to_timestamp(how="end"), DAY)
        months[start] = at_month_end(sample.sales, sample.first_sale, end)
    return pd.concat(months, names=["history_month", "customer_key"])


def test_segment_history(marts: duckdb.DuckDBPyConnection, history: pd.DataFrame) -> None:
    found = table(
        marts,
        "select *, replace(segment_name, ' ', '') as segment from marts.mart_segment_history",
        ["history_month", "customer_key"],
    )
    assert_same(found, history)
    assert history["segment"].nunique() == 11


def test_segment_migration(marts: duckdb.DuckDBPyConnection, history: pd.DataFrame) -> None:
    found = table(
        marts,
        "select * replace (replace(from_value, ' ', '') as from_value, "
        "replace(to_value, ' ', '') as to_value) from marts.mart_segment_migration",
        ["history_month", "dimension_name", "from_value", "to_value"],
    )
    rows = {}
    months = sorted(history.index.get_level_values("history_month").unique())
    for (before, now), (column, dimension) in itertools.product(
        itertools.pairwise(months), (("segment", "segment_name"), ("value_tier", "value_tier"))
    ):
        stood = history.loc[before][column]
        stands = history.loc[now][column]
        moves = Counter(
            (stood.get(customer, "(firstpurchase)"), to) for customer, to in stands.items()
        )
        for (origin, to), count in moves.items():
            leaving = sum(n for (other, _), n in moves.items() if other == origin)
            interval = binomtest(count, leaving).proportion_ci(method="wilson")
            rows[now, dimension, origin, to] = {
                "is_complete": now < pd.Timestamp(AS_OF.replace(day=1)),
                "is_stay": origin == to,
                "count_customers": count,
                "count_from": leaving,
                "share": count / leaving,
                "share_ci_low": interval.low,
                "share_ci_high": interval.high,
                "is_small_sample": leaving < SMALL_SAMPLE,
            }
    expected = pd.DataFrame.from_dict(rows, orient="index")
    assert_same(found, expected)


def test_segments_of_today_by_behaviour(
    marts: duckdb.DuckDBPyConnection, sample: Sample, history: pd.DataFrame
) -> None:
    found = table(marts, "select * from marts.mart_customer_segments", ["customer_key"])
    today = history.loc[pd.Timestamp(AS_OF.replace(day=1))]
    assert set(found.index[found["is_buyer"]]) == set(today.index)
    others = found[~found["is_buyer"]]
    assert others["segment_name"].to_dict() == {
        key: "Never Completed" if key in sample.cancelled else "Prospect" for key in others.index
    }
    by_prediction = found["value_tier_reason"] == "predicted_value"
    assert by_prediction.any()
    agreeing = found[found["is_buyer"] & ~by_prediction]
    assert (agreeing["value_tier"] == today["value_tier"].reindex(agreeing.index)).all()
    assert (today["value_tier"].reindex(found.index[by_prediction]) == "ordinary").all()

    sales = sample.sales.assign(
        at=pd.to_datetime(sample.sales["ordered_at"], format="ISO8601"),
        discounted=whole(sample.sales["discount_amount"]) > 0,
        discount_known=sample.sales["discount_amount"].notna(),
    )
    for key, own in sales.groupby("customer_key"):
        row = found.loc[key]
        channels = Counter(own["channel"].dropna())
        most = max(channels.values(), default=0)
        assert row["favourite_channel"] == min(c for c, n in channels.items() if n == most)
        parts = Counter(
            ["night", "morning", "afternoon", "evening"][at.hour // 6] for at in own["at"]
        )
        order = ["morning", "afternoon", "evening", "night"]
        assert row["favourite_daypart"] == max(
            order, key=lambda part: (parts[part], -order.index(part))
        )
        weekend = (own["day"].dt.day_of_week >= 5).mean()
        assert row["favourite_day_type"] == ("weekend" if weekend > 0.5 else "weekday")
        share = own["discounted"].sum() / own["discount_known"].sum()
        affinity = "full_price" if share == 0 else "occasional"
        affinity = "discount_seeker" if share >= 0.5 and len(own) >= 2 else affinity
        assert row["discount_affinity"] == affinity
    revenue = sample.lines.groupby(["customer_key", "category"])["revenue"].sum().reset_index()
    revenue = revenue.sort_values(
        ["customer_key", "revenue", "category"], ascending=[True, False, True]
    )
    favourite = revenue.groupby("customer_key")["category"].first()
    assert found.loc[favourite.index, "favourite_category"].eq(favourite).all()


def overall_answers(sample: Sample) -> pd.DataFrame:
    """Return every overall answer of a known customer up to the day, the latest last."""
    answers = sample.responses.dropna(subset=["score", "customer_key"])
    answers = answers[answers["dimension"] == "overall"].copy()
    answers["at"] = pd.to_datetime(
        answers["responded_at"].fillna(answers["invited_at"]), format="ISO8601"
    )
    answers = answers[answers["at"].dt.normalize() <= DAY]
    low, high, given = (answers[name].astype(float) for name in ("scale_min", "scale_max", "score"))
    answers["on_100"] = (100 * (given - low) / (high - low)).round(4)
    return answers.sort_values(["at", "response_id"])


def gini(values: np.ndarray[Any, Any]) -> float:
    """Mean absolute difference of all pairs over twice the mean."""
    return float(np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean()))


def test_segment_profile(marts: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    segments = table(marts, "select * from marts.mart_customer_segments", ["customer_key"])
    profile = table(
        marts, "select * from marts.mart_segment_profile", ["dimension_name", "dimension_value"]
    )
    recent = sample.sales[sample.sales["day"] > DAY - pd.Timedelta(365, "D")]
    before = sample.sales[
        (sample.sales["day"] <= DAY - pd.Timedelta(365, "D"))
        & (sample.sales["day"] > DAY - pd.Timedelta(730, "D"))
    ]
    opened = day(sample.cases["opened_at"])
    cases = sample.cases[(opened > DAY - pd.Timedelta(365, "D")) & (opened <= DAY)]
    facts = (
        pd.DataFrame(
            {
                "spend": recent.groupby("customer_key")["spend"].sum(),
                "spend_before": before.groupby("customer_key")["spend"].sum(),
                "cases": cases.groupby("customer_key").size(),
            }
        )
        .reindex(segments.index, fill_value=0)
        .fillna(0)
    )
    served = sample.costs[sample.costs["cost_type"] == "service"].groupby("customer_key")["amount"]
    bought = whole(sample.sales["net_revenue"]).groupby(sample.sales["customer_key"])
    facts["revenue"] = bought.sum().reindex(segments.index, fill_value=0)
    facts["served"] = served.sum().reindex(segments.index, fill_value=0)
    answers = overall_answers(sample)
    is_nps = answers["survey_type"] == "nps"
    latest = answers[is_nps].groupby("customer_key")["score"].last().astype(float)
    facts["nps"] = latest.reindex(segments.index)
    facts["satisfaction"] = (
        answers[answers["survey_type"].isin(["csat", "review"])]
        .groupby("customer_key")["on_100"]
        .last()
        .reindex(segments.index)
    )
    facts["historic"] = sample.ltv["historic_value"]
    facts["predicted"] = sample.ltv["predicted_value_365d"].fillna(0)
    cuts = [
        *("segment_name", "value_tier", "abc_class", "market_class", "country_code", "age_band"),
        *("gender", "customer_type", "favourite_channel", "favourite_category"),
        *("favourite_daypart", "discount_affinity", "needs_segment"),
    ]
    groups = {("all", "all"): segments.index}
    for cut in cuts:
        values = segments[cut].fillna("(unknown)")
        groups |= {(cut, value): segments.index[values == value] for value in values.unique()}
    assert set(profile.index) == set(groups)
    for where, members in groups.items():
        row = profile.loc[where]
        own = segments.loc[members]
        buyers = own.loc[own["is_buyer"], "margin_after_refunds"].clip(lower=0).to_numpy()
        assert row["count_customers"] == len(own)
        assert row["count_buyers"] == len(buyers)
        assert row["customer_share"] == pytest.approx(len(own) / len(segments), rel=1e-12)
        assert row["margin_after_refunds"] == own["margin_after_refunds"].sum()
        assert row["spend_365d"] == facts.loc[members, "spend"].sum()
        assert row["spend_previous_365d"] == facts.loc[members, "spend_before"].sum()
        assert row["count_cases_365d"] == facts.loc[members, "cases"].sum()
        assert row["historic_value"] == facts.loc[members, "historic"].sum()
        assert row["mean_predicted_value_365d"] == pytest.approx(
            facts.loc[members, "predicted"].mean(), abs=1e-4
        )
        fact = facts.loc[members]
        assert row["net_revenue"] == fact["revenue"].sum()
        assert row["net_revenue_share"] == pytest.approx(
            fact["revenue"].sum() / facts["revenue"].sum()
        )
        assert row["cost_to_serve"] == fact["served"].sum()
        assert row["mean_historic_value"] == pytest.approx(fact["historic"].mean() / CENT)
        before_sum = fact["spend_before"].sum()
        assert (pd.isna(row["spend_growth_rate"]) and before_sum <= 0) or row[
            "spend_growth_rate"
        ] == pytest.approx(fact["spend"].sum() / before_sum - 1)
        assert row["mean_cases_365d"] == pytest.approx(fact["cases"].mean())
        told = fact["satisfaction"].dropna()
        assert row["count_satisfaction"] == len(told)
        if len(told) > 1:
            mean, error = told.mean(), told.std(ddof=1) / math.sqrt(len(told))
            found = row[["mean_satisfaction", "satisfaction_ci_low", "satisfaction_ci_high"]]
            assert found.tolist() == pytest.approx(
                [mean, max(mean - Z_95 * error, 0), min(mean + Z_95 * error, 100)], abs=1e-6
            )
        scores = fact["nps"].dropna()
        plus, minus = (scores >= 9).sum(), (scores <= 6).sum()
        counts = row[["count_nps", "count_promoters", "count_detractors"]]
        assert counts.tolist() == [len(scores), plus, minus]
        if len(scores):
            assert row["net_promoter_score"] == pytest.approx(100 * (plus - minus) / len(scores))
            n = len(scores) + 3
            up, down = (plus + 0.75) / n, (minus + 0.75) / n
            error = math.sqrt((up + down - (up - down) ** 2) / n)
            assert row[["nps_ci_low", "nps_ci_high"]].tolist() == pytest.approx(
                [
                    max(100 * (up - down - Z_95 * error), -100),
                    min(100 * (up - down + Z_95 * error), 100),
                ]
            )
        assert row["is_small_sample"] == (len(own) < SMALL_SAMPLE)
        if len(buyers) and buyers.sum() > 0:
            assert row["margin_gini"] == pytest.approx(gini(buyers), abs=1e-9)
            best = np.sort(buyers)[::-1][: math.ceil(round(0.2 * len(buyers), 9))]
            assert row["top_20_margin_share"] == pytest.approx(best.sum() / buyers.sum(), abs=1e-9)


def period_accounts(sample: Sample, end: pd.Timestamp) -> pd.DataFrame:
    """Score every buyer of the 365 days up to `end` by what was known on that day."""
    start = end - pd.Timedelta(365, "D")
    sales = sample.sales[sample.sales["day"] <= end]
    own = sales[sales["day"] > start].groupby("customer_key")
    rows = own.agg(
        sales_amount=("spend", "sum"),
        volume=("units", "sum"),
        margin=("margin", "sum"),
        days=("day", "nunique"),
    )
    rows = rows[rows["sales_amount"] > 0]
    prior = sales[(sales["day"] <= start) & (sales["day"] > start - pd.Timedelta(365, "D"))]
    prior = prior.groupby("customer_key")["spend"].sum().reindex(rows.index, fill_value=0)
    first = sales.groupby("customer_key")["day"].min().reindex(rows.index)
    due = sample.payments[
        (sample.payments["due"] < end)
        & (sample.payments["paid"].isna() | (sample.payments["paid"] > end))
    ]
    owed = due.groupby("customer_key")["amount"].sum().reindex(rows.index, fill_value=0)
    bought = sample.lines[(sample.lines["day"] <= end) & (sample.lines["day"] > start)]
    shares = bought.groupby(["customer_key", "category"])["revenue"].sum().astype(float)
    shares = shares / shares.groupby("customer_key").transform("sum")
    rows["concentration"] = (shares**2).groupby("customer_key").sum().reindex(rows.index)
    money = rows["sales_amount"] / CENT
    units = rows["volume"] / CENT
    # against a period that the sales do not cover everybody would have grown
    is_known = sample.sales["day"].min() <= start - pd.Timedelta(364, "D")
    rows["growth_rate"] = (rows["sales_amount"] / prior.where((prior > 0) & is_known)) - 1
    rows["overdue_amount"] = owed
    tenure = (end - first).dt.days
    rows["tenure_days"] = tenure
    rows["share_of_sales"] = rows["sales_amount"] / rows["sales_amount"].sum()
    criteria = {
        "sales_amount": (0.30, np.log1p(money) / np.log1p(money.max())),
        "volume": (0.10, np.log1p(units) / np.log1p(units.max())),
        "overdue": (0.15, 1 - (owed / rows["sales_amount"]).clip(upper=1)),
        "purchase_cycle": (0.15, np.log1p(rows["days"]) / np.log1p(rows["days"].max())),
        "tenure": (0.10, tenure / tenure.max()),
        "growth": (0.10, ((1 + rows["growth_rate"].clip(upper=1)) / 2).fillna(0.5)),
        "concentration": (0.10, (1 - rows["concentration"]).fillna(0.5)),
    }
    for name, (_, worth) in criteria.items():
        rows[f"{name}_score"] = worth
    rows["score"] = 100 * sum(weight * worth for weight, worth in criteria.values())
    rows["account_rank"] = rows["score"].rank(ascending=False)
    assert rows["score"].is_unique, "equal scores would leave the rank to amount and key"
    return rows


def test_key_accounts(marts: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    found = table(marts, "select * from marts.mart_key_accounts", ["customer_key"])
    now = period_accounts(sample, DAY)
    then = period_accounts(sample, DAY - pd.Timedelta(365, "D"))
    listed = now.index[now["account_rank"] <= 50].union(then.index[then["account_rank"] <= 50])
    service = sample.costs[
        (sample.costs["cost_type"] == "service")
        & (sample.costs["day"] > DAY - pd.Timedelta(365, "D"))
    ]
    served = service.groupby("customer_key")["amount"].sum()
    rows = {}
    for key in listed:
        is_key = key in now.index and now.at[key, "account_rank"] <= 50
        was_key = key in then.index and then.at[key, "account_rank"] <= 50
        rank, previous = (
            (frame.at[key, "account_rank"] if key in frame.index else np.nan)
            for frame in (now, then)
        )
        growth = now.at[key, "growth_rate"] if key in now.index else np.nan
        rows[key] = {
            "account_status": "lost" if not is_key else "kept" if was_key else "new",
            "account_rank": rank,
            "previous_account_rank": previous,
            "rank_movement": previous - rank,
            "score": now["score"].get(key, np.nan),
            "previous_score": then["score"].get(key, np.nan),
            "sales_amount": now["sales_amount"].get(key, 0),
            "previous_sales_amount": then["sales_amount"].get(key, 0),
            "is_declining": bool(is_key and was_key and growth <= -0.25),
            "margin_after_refunds": now["margin"].get(key, 0),
            "cost_to_serve": served.get(key, 0),
            "is_key_account": is_key,
            "is_new": is_key and not was_key,
            "is_lost": not is_key,
            # who bought before and no more has lost everything
            "growth_rate": growth if key in now.index else -1.0,
            "purchase_cycle_days": 365 / now.at[key, "days"] if key in now.index else np.nan,
        }
        for name in (
            *("sales_amount", "volume", "overdue", "purchase_cycle", "tenure", "growth"),
            "concentration",
        ):
            rows[key][f"{name}_score"] = now[f"{name}_score"].get(key, np.nan)
        rows[key]["share_of_sales"] = now["share_of_sales"].get(key, np.nan)
        margin, cost = rows[key]["margin_after_refunds"], rows[key]["cost_to_serve"]
        rows[key]["cost_to_serve_rate"] = cost / margin if margin > 0 else np.nan
        rows[key]["is_unprofitable"] = bool(key in now.index and cost > margin)
    expected = pd.DataFrame.from_dict(rows, orient="index")
    assert_same(found, expected)
    assert set(expected["account_status"]) == {"new", "kept", "lost"}


def test_retention(marts: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    found = table(marts, "select * from marts.mart_retention", ["period_type", "period_start_date"])
    rows = {}
    for kind, code in (("month", "M"), ("quarter", "Q"), ("year", "Y")):
        period = sample.sales["day"].dt.to_period(code)
        revenue = sample.sales.groupby([period, "customer_key"])["spend"].sum().clip(lower=0)
        first = period.groupby(sample.sales["customer_key"]).min()
        everything = pd.period_range(period.min(), pd.Period(DAY, code), freq=code)
        for now in everything:
            bought = {p: revenue.loc[p] if p in revenue.index.levels[0] else revenue.iloc[:0]
                      for p in (now - 1, now)}  # fmt: skip
            start, end = (set(bought[p].index) for p in (now - 1, now))
            if not start | end:
                continue
            new = {key for key in end if first[key] == now}
            complete = now.end_time.normalize() <= DAY
            rated = complete and bool(start)
            kept = [int(bought[now].get(key, 0)) for key in sorted(start)]
            had = [int(bought[now - 1][key]) for key in sorted(start)]
            row = {
                "is_complete": complete,
                "is_small_sample": len(start) < SMALL_SAMPLE,
                "count_start": len(start),
                "count_end": len(end),
                "count_retained": len(start & end),
                "count_lost": len(start - end),
                "count_new": len(new),
                "count_resurrected": len(end - start - new),
                "retention_rate": len(start & end) / len(start) if rated else np.nan,
                "churn_rate": len(start - end) / len(start) if rated else np.nan,
                "start_revenue": sum(had),
                "end_revenue": bought[now].sum(),
                "new_revenue": sum(int(bought[now][key]) for key in new),
                "net_kept_revenue": sum(kept),
                "gross_kept_revenue": sum(map(min, kept, had)),
            }
            for rate, count in (("retention", len(start & end)), ("churn", len(start - end))):
                for bound in ("low", "high"):
                    row[f"{rate}_ci_{bound}"] = (
                        getattr(binomtest(count, len(start)).proportion_ci(method="wilson"), bound)
                        if rated
                        else np.nan
                    )
            for name, of, most in (
                ("net", kept, math.inf),
                ("gross", list(map(min, kept, had)), 1.0),
            ):
                ratio = sum(of) / sum(had) if rated else np.nan
                row[f"{name}_revenue_retention"] = ratio
                error = np.nan
                if rated and len(start) > 1:
                    x, y = np.array(had, float), np.array(of, float)
                    error = math.sqrt(len(x) * np.var(y - ratio * x, ddof=1)) / x.sum()
                row[f"{name[0]}rr_ci_low"] = np.maximum(ratio - Z_95 * error, 0)
                row[f"{name[0]}rr_ci_high"] = np.minimum(ratio + Z_95 * error, most)
            rows[kind, now.start_time] = row
    assert_same(found, pd.DataFrame.from_dict(rows, orient="index"))


def test_cohorts(marts: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    found = table(
        marts, "select * from marts.mart_cohort_retention", ["cohort_month", "age_months"]
    )
    sales = sample.sales.sort_values(["customer_key", "ordered_at", "order_id"])
    sales = sales.assign(
        cohort=sales.groupby("customer_key")["month"].transform("min"),
        number=sales.groupby("customer_key").cumcount() + 1,
    )
    last = pd.Period(DAY, "M")
    ages = (last - sales["month"].min()).n
    rows: dict[tuple[pd.Timestamp, int], dict[str, Any]] = {}
    for cohort, own in sales.groupby("cohort"):
        size = own["customer_key"].nunique()
        second = own[own["number"] == 2]
        for age in range(ages + 1):
            month = cohort + age
            cell = own[own["month"] == month]
            is_past, is_over = month <= last, month < last
            active = cell["customer_key"].nunique()
            repeaters = (second["month"] <= month).sum()
            interval, came_back = (
                binomtest(int(count), size).proportion_ci(method="wilson")
                for count in (active, repeaters)
            )
            so_far = own[own["month"] <= month]
            first_month = own.loc[own["month"] == cohort, "spend"].sum()
            rows[cohort.to_timestamp(), age] = {
                "cell_month": month.to_timestamp() if is_past else pd.NaT,
                "is_complete": is_over,
                "is_small_sample": size < SMALL_SAMPLE,
                "count_cohort": size,
                "count_active": active if is_past else np.nan,
                "retention_rate": active / size if is_over else np.nan,
                "retention_ci_low": interval.low if is_over else np.nan,
                "retention_ci_high": interval.high if is_over else np.nan,
                "count_orders": len(cell) if is_past else np.nan,
                "count_repeaters": repeaters if is_past else np.nan,
                "repeat_rate": repeaters / size if is_over else np.nan,
                "repeat_ci_low": came_back.low if is_over else np.nan,
                "repeat_ci_high": came_back.high if is_over else np.nan,
                "revenue_retention_rate": cell["spend"].sum() / first_month
                if is_over and first_month
                else np.nan,
                "cumulative_revenue_per_customer": so_far["spend"].sum() / CENT / size
                if is_over
                else np.nan,
                "net_revenue": cell["spend"].sum() if is_past else np.nan,
                "margin_after_refunds": cell["margin"].sum() if is_past else np.nan,
                "cumulative_margin_per_customer": so_far["margin"].sum() / CENT / size
                if is_over
                else np.nan,
            }
    assert_same(found, pd.DataFrame.from_dict(rows, orient="index"))


def test_acquisition(
    marts: duckdb.DuckDBPyConnection, sample: Sample, sample_exports: Path
) -> None:
    found = marts.execute(
        "select dimension_name, dimension_value, coalesce(cohort_month, date '1900-01-01') as m, "
        "* exclude (dimension_name, dimension_value) from marts.mart_acquisition"
    ).df()
    found = found.set_index(["dimension_name", "dimension_value", "m"])
    profile = (
        marts.execute(
            "select customer_key, acquisition_channel, acquisition_campaign_id "
            "from marts.dim_customers"
        )
        .df()
        .set_index("customer_key")
    )
    cohort = sample.sales.groupby("customer_key")["month"].min()
    spent = sample.costs[sample.costs["cost_type"] == "acquisition"]
    spent = spent.assign(month=spent["day"].dt.to_period("M"))
    margin = defaultdict(int)
    for row in sample.sales.itertuples():
        margin[row.customer_key, (row.month - cohort[row.customer_key]).n] += row.margin
    last_over = pd.Period(DAY, "M") - 1
    campaigns = read(sample_exports, "campaigns")
    names = dict(zip(campaigns["campaign_id"], campaigns["campaign_name"], strict=True))
    seen = 0
    for (dimension, value, month), row in found.iterrows():
        members, costs = cohort, spent
        if dimension == "channel":
            channel = profile.loc[members.index, "acquisition_channel"].fillna("(unknown)")
            members = members[(channel == value).to_numpy()]
            costs = costs[costs["channel"].fillna("(unknown)") == value]
        if dimension == "campaign":
            members = members[
                (profile.loc[members.index, "acquisition_campaign_id"] == value).to_numpy()
            ]
            costs = costs[costs["campaign_id"] == value]
        if month.year != 1900:
            members = members[members == pd.Period(month, "M")]
            costs = costs[costs["month"] == pd.Period(month, "M")]
        cost = costs["amount"].sum() / CENT
        assert row["count_new_customers"] == len(members)
        assert (pd.isna(row["acquisition_cost"]) and costs.empty) or float(
            row["acquisition_cost"]
        ) == pytest.approx(cost)
        if members.empty or costs.empty:
            assert pd.isna(row["cac"]) and pd.isna(row["payback_months"])
            continue
        assert row["cac"] == pytest.approx(cost / len(members))
        worth = sample.ltv.loc[members.index]
        clv = worth["historic_value"].sum() / CENT + worth["predicted_value_lifetime"].sum()
        assert row["clv_per_customer"] == pytest.approx(clv / len(members), abs=1e-4)
        if cost:
            allowed = 1e-4 * len(members) / cost
            assert row["clv_to_cac"] == pytest.approx(clv / cost, abs=allowed)
        assert row["is_small_sample"] == (len(members) < SMALL_SAMPLE)
        cumulative, payback, ages = 0.0, None, (last_over - members.min()).n + 1
        for age in range(ages):
            observed = members.index[members <= last_over - age]
            cumulative += sum(margin[key, age] for key in observed) / CENT / len(observed)
            if payback is None and cumulative >= row["cac"]:
                payback = age
        assert (pd.isna(row["payback_months"]) and payback is None) or row[
            "payback_months"
        ] == payback
        if ages > 0:
            assert row["observed_months"] == ages - 1
            assert row["margin_per_customer"] == pytest.approx(cumulative, rel=1e-9, abs=1e-9)
        if dimension == "campaign":
            assert row["campaign_name"] == names[value]
        seen += 1
    assert seen > 50
    assert set(found.index.get_level_values(0)) == {"all", "channel", "campaign"}


class ContractState(NamedTuple):
    is_running: bool
    late_by: int | None
    due: pd.Timestamp
    product_id: str


def contract_states(sample: Sample) -> dict[str, list[ContractState]]:
    """Return the state of each contract by customer."""
    lines = sample.lines[sample.lines["category"] == "Subscription"]
    days_of = {
        key: sorted(set(own)) for key, own in lines.groupby(["customer_key", "product_id"])["day"]
    }
    gaps: dict[str, Counter[int]] = defaultdict(Counter)
    for (_, plan), days in days_of.items():
        for before, after in itertools.pairwise(days):
            gaps[plan][
                min((7, 30, 91, 182, 365), key=lambda p: abs(math.log(p / (after - before).days)))
            ] += 1
    states: dict[str, list[ContractState]] = defaultdict(list)
    for (key, plan), days in days_of.items():
        if not gaps[plan]:
            continue
        period = gaps[plan].most_common(1)[0][0]
        grace = math.ceil(period * 1.5)
        ends = [b for b, a in itertools.pairwise(days) if (a - b).days > period * 1.5]
        last = [
            d
            for b, d in itertools.pairwise([days[0], *days])
            if (d - b).days >= period / 2 or d == days[0]
        ][-1]
        for end in [*ends, last]:
            late = (DAY - end).days - period
            is_running = (DAY - end).days < grace
            states[key].append(
                ContractState(
                    is_running,
                    late if is_running and late > period / 10 else None,
                    end + pd.Timedelta(period, "D"),
                    plan,
                )
            )
    return states


def test_customers_at_risk(marts: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    signals = table(marts, "select * from marts.mart_customer_signals", ["customer_key"])
    at_risk = table(marts, "select * from marts.mart_at_risk_customers", ["customer_key"])
    answers = overall_answers(sample)
    owed = sample.payments[
        (sample.payments["due"] < DAY)
        & (sample.payments["paid"].isna() | (sample.payments["paid"] > DAY))
    ]
    window = pd.Timedelta(180, "D")
    complaints = sample.cases[sample.cases["is_complaint"] == "true"]
    complaints = complaints[day(complaints["opened_at"]) <= DAY]
    reacted = complaints[["first_response_at", "resolved_at", "closed_at"]]
    reacted = reacted.apply(lambda column: pd.to_datetime(column, format="ISO8601")).min(axis=1)
    unanswered = complaints[~(reacted < DAY + pd.Timedelta(1, "D"))]
    renewals = contract_states(sample)
    sold = sample.lines.assign(is_contract=sample.lines["category"] == "Subscription")
    only_contracts = sold.groupby("customer_key")["is_contract"].all()
    expected_risks = {}
    assert set(signals.index) == set(sample.sales["customer_key"])
    for key, own in sample.sales.groupby("customer_key"):
        days = sorted(own["day"].unique())
        silent = (DAY - days[-1]).days
        rhythm = (days[-1] - days[0]).days / (len(days) - 1) if len(days) >= 3 else None
        lost = (
            silent > 365
            if rhythm is None
            else (silent >= 4 * rhythm and silent >= 30) or silent > 730
        )
        running = [state.late_by for state in renewals.get(key, []) if state.is_running]
        if key in renewals:
            lost = not running and (bool(only_contracts[key]) or lost)
        late_by = max((late for late in running if late is not None), default=None)
        recent = own.loc[own["day"] > DAY - window, "spend"].sum()
        before = own.loc[
            (own["day"] <= DAY - window) & (own["day"] > DAY - 2 * window), "spend"
        ].sum()
        told = answers[answers["customer_key"] == key]
        fallen = False
        if len(told) and told["at"].iloc[-1].normalize() > DAY - window:
            last = told["on_100"].iloc[-1]
            earlier = told["on_100"].iloc[:-1].mean() if len(told) > 1 else None
            fallen = last <= 25 or (earlier is not None and last <= earlier - 20)
        debt = owed.loc[owed["customer_key"] == key, "amount"].sum()
        reasons = {
            "has_interval_stretched": rhythm is not None and silent >= 30 and silent >= 2 * rhythm,
            "has_spend_fallen": bool(
                before > 0 and 2 * recent <= before and days[0] <= DAY - 2 * window
            ),
            "has_satisfaction_fallen": bool(fallen),
            "has_unanswered_complaint": bool((unanswered["customer_key"] == key).any()),
            "has_overdue_payment": bool(debt > 0),
            "has_overdue_renewal": late_by is not None,
        }
        row = signals.loc[key]
        assert (pd.isna(row["renewal_overdue_days"]) and late_by is None) or row[
            "renewal_overdue_days"
        ] == late_by
        assert row["count_purchase_days"] == len(days)
        assert row["last_purchase_date"] == days[-1]
        assert row["days_since_purchase"] == silent
        assert row["spend_recent"] == recent and row["spend_before"] == before
        assert (pd.isna(row["mean_interval_days"]) and rhythm is None) or row[
            "mean_interval_days"
        ] == pytest.approx(rhythm)
        assert (pd.isna(row["interval_stretch"]) and not rhythm) or row[
            "interval_stretch"
        ] == pytest.approx(silent / rhythm)
        complained = unanswered[unanswered["customer_key"] == key]
        assert row["count_unanswered_complaints"] == len(complained)
        if len(complained):
            oldest = (DAY - day(complained["opened_at"])).dt.days.max()
            assert row["oldest_unanswered_days"] == oldest
        assert row["is_lost"] == lost, key
        assert row["overdue_amount"] == debt
        for reason, holds in reasons.items():
            assert row[reason] == (holds and not lost), (key, reason)
        if not lost and any(reasons.values()):
            expected_risks[key] = sum(reasons.values())
    assert at_risk["count_reasons"].to_dict() == expected_risks
    ranked = at_risk.sort_values("risk_rank")
    values = ranked["value_at_stake"].fillna(-1).tolist()
    assert values == sorted(values, reverse=True)
    stake = sample.ltv.loc[ranked.index, "predicted_value_365d"]
    assert ranked["value_at_stake"].equals(stake)
    for flag, words in (
        ("has_interval_stretched", "silent for"),
        ("has_spend_fallen", "Spent "),
        ("has_satisfaction_fallen", "Satisfaction "),
        ("has_overdue_payment", "Owes "),
        ("has_overdue_renewal", "Renewal of "),
    ):
        assert (ranked["reasons_text"].str.contains(words) == ranked[flag]).all()
        assert ranked[flag].any() or flag == "has_overdue_renewal"  # of which a day may have none


def test_customers_to_win_back(marts: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    found = table(marts, "select * from marts.mart_win_back", ["customer_key"])
    signals = table(marts, "select * from marts.mart_customer_signals", ["customer_key"])
    segments = table(marts, "select * from marts.mart_customer_segments", ["customer_key"])
    accounts = table(marts, "select * from marts.mart_key_accounts", ["customer_key"])
    lost = signals.index[signals["is_lost"]]
    worthy = set(segments.index[segments["value_tier"] == "core"]) | set(
        accounts.index[accounts["is_lost"]]
    )
    assert set(found.index) == set(lost) & worthy and len(found) > 10
    states = contract_states(sample)
    names = dict(
        marts.execute("select product_id, product_name from marts.dim_products").fetchall()
    )
    said = sample.consents[sample.consents["purpose"] == "marketing"].copy()
    said["at"] = pd.to_datetime(said["recorded_at"], format="ISO8601")
    said = said[said["at"].dt.normalize() <= DAY].sort_values(
        ["at", "is_granted"], ascending=[False, True]
    )
    latest = said.drop_duplicates(["customer_key", "channel"])
    for key, row in found.iterrows():
        own = sample.sales[sample.sales["customer_key"] == key]
        year = own[own["day"] > own["day"].max() - pd.Timedelta(365, "D")]
        assert row["last_year_margin"] == year["margin"].sum()
        assert row["last_year_spend"] == year["spend"].sum()
        assert row["last_purchase_date"] == own["day"].max()
        assert row["days_since_purchase"] == (DAY - own["day"].max()).days
        assert row["was_key_account"] == (key in accounts.index and accounts.at[key, "is_lost"])
        assert len(row["reason_text"]) > 10
        if ended := [state for state in states.get(key, []) if not state.is_running]:
            last = max(state.due for state in ended)
            assert row["contract_ended_date"] == last
            assert row["ended_contract_name"] in {
                names[state.product_id] for state in ended if state.due == last
            }
        else:
            assert pd.isna(row["contract_ended_date"]) and pd.isna(row["ended_contract_name"])
        words = latest[latest["customer_key"] == key]
        granted = sorted(words.loc[words["is_granted"] == "true", "channel"])
        assert row["consented_channels"] == ", ".join(granted) or not granted
        state = "granted" if granted else "refused" if len(words) else "not_asked"
        assert row["marketing_consent"] == state
    assert {"granted", "refused"} <= set(found["marketing_consent"])
    ranked = found.sort_values("win_back_rank")["last_year_margin"].tolist()
    assert ranked == sorted(ranked, reverse=True)


def test_next_best_offers(marts: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    found = table(
        marts, "select * from marts.mart_next_best_offers", ["customer_key", "offer_rank"]
    )
    bought = sample.lines.dropna(subset=["category"])
    categories = sorted(bought["category"].unique())
    owned = {key: set(own["category"]) for key, own in bought.groupby("customer_key")}

    def counted(sets: list[set[str]]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
        single: Counter[str] = Counter(itertools.chain.from_iterable(sets))
        pairs = Counter(pair for own in sets for pair in itertools.permutations(own, 2))
        return single, pairs

    def best(own: set[str], single: Any, pairs: Any, count: int, by_affinity: bool) -> list[str]:
        popularity = {c: single[c] / count for c in categories}

        def worth(c: str) -> float:
            if not by_affinity:
                return popularity[c]
            shares = [(pairs[a, c] + 30 * popularity[c]) / (single[a] + 30) for a in own]
            return sum(shares) / len(shares)

        candidates = [c for c in categories if c not in own and single[c]]
        return sorted(candidates, key=lambda c: (-round(worth(c), 12), c))[:3]

    single, pairs = counted(list(owned.values()))
    for key, own in owned.items():
        expected = best(own, single, pairs, len(owned), True)
        offered = found.loc[key]["offered_category"].tolist() if key in found.index else []
        assert offered == expected, key
    some = found[found["based_on_category"].notna()].iloc[0]
    support = pairs[some["based_on_category"], some["offered_category"]]
    assert some["count_support"] == support
    assert some["confidence"] == pytest.approx(support / single[some["based_on_category"]])
    assert some["lift"] == pytest.approx(
        some["confidence"] / (single[some["offered_category"]] / len(owned))
    )

    last_day = bought.groupby("customer_key")["day"].transform("max")
    before = {
        k: set(own["category"])
        for k, own in bought[bought["day"] < last_day].groupby("customer_key")
    }
    last = {
        k: set(own["category"])
        for k, own in bought[bought["day"] == last_day].groupby("customer_key")
    }
    single, pairs = counted([before.get(key, own) for key, own in owned.items()])
    tested = {key: own for key, own in before.items() if last[key] - own}
    evaluation = table(marts, "select * from marts.mart_offer_evaluation", ["method"])
    for method in ("affinity", "popularity"):
        hits = sum(
            bool(set(best(own, single, pairs, len(owned), method == "affinity")) & last[key])
            for key, own in tested.items()
        )
        interval = binomtest(hits, len(tested)).proportion_ci(method="wilson")
        row = evaluation.loc[method]
        assert row["count_customers"] == len(tested)
        assert row["count_hits"] == hits
        assert [row["hit_rate_ci_low"], row["hit_rate_ci_high"]] == pytest.approx(list(interval))
    # The sample plants companions of categories: affinity has to find them.
    assert evaluation.at["affinity", "hit_rate"] > evaluation.at["popularity", "hit_rate"]
    assert evaluation.at["affinity", "is_used"]
