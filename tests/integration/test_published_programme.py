"""Referrals, loyalty programme and campaigns as published, recomputed from the files."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.integration.exported import (
    END,
    TODAY,
    Z,
    matched_by_tables,
    read,
    skewed_interval,
    table,
)

WINDOW = pd.Timedelta(days=30)


@pytest.fixture(scope="module")
def referrals(sample_exports: Path, keys: "pd.Series[str]") -> pd.DataFrame:
    rows = read(sample_exports, "referrals", "invited_at", "converted_at")
    rows = rows[rows["invited_at"] < END]
    rows["referrer"] = rows["referrer_customer_id"].map(keys)
    rows["referred"] = rows["referred_customer_id"].map(keys)
    rows["self"] = rows["referrer"] == rows["referred"]
    rows["converted"] = (
        (rows["converted_at"] < END)
        & ~rows["self"]
        & rows["referrer"].notna()
        & rows["referred"].notna()
    )
    return rows


def test_word_of_mouth_in_all(
    marts: duckdb.DuckDBPyConnection, referrals: pd.DataFrame, sales: pd.DataFrame
) -> None:
    counted = referrals[referrals["referrer"].notna() & ~referrals["self"]]
    won = counted[counted["converted"]].sort_values("converted_at").drop_duplicates("referred")
    base = set(sales["customer_key"].dropna()) | set(counted["referrer"])
    revenue = sales[sales["customer_key"].isin(won["referred"])]["spend"].sum()
    (found,) = table(marts, "mart_referrals").query("dimension_name == 'all'").to_dict("records")
    assert found["count_customers"] == len(base)
    assert found["count_advocates"] == counted["referrer"].nunique()
    assert found["count_invitations"] == len(counted)
    assert found["count_conversions"] == counted["converted"].sum()
    assert found["conversion_rate"] == pytest.approx(counted["converted"].mean())
    assert found["viral_coefficient"] == pytest.approx(
        len(counted) / len(base) * counted["converted"].mean()
    )
    assert float(found["referred_net_revenue"]) == pytest.approx(revenue)
    parents = dict(zip(won["referred"], won["referrer"], strict=True))
    depths = []
    for customer in parents:
        seen = [customer]
        while seen[-1] in parents and len(seen) <= len(parents) + 1:
            seen.append(parents[seen[-1]])
        if len(seen) <= len(parents) + 1:  # a circle has no beginning
            depths.append(len(seen) - 1)
    assert found["longest_chain"] == max(depths)
    facts = table(marts, "fct_referrals")
    assert sorted(facts["chain_depth"].dropna().astype(int)) == sorted(depths)


def test_what_customers_say_stands_against_what_they_do(
    marts: duckdb.DuckDBPyConnection, referrals: pd.DataFrame, sales: pd.DataFrame
) -> None:
    said = table(marts, "mart_customer_satisfaction").set_index("customer_key")["nps_category"]
    advocates = set(referrals.loc[referrals["referrer"].notna() & ~referrals["self"], "referrer"])
    base = pd.Index(sorted(set(sales["customer_key"].dropna()) | advocates))
    category = said.reindex(base).fillna("(unknown)")
    expected = pd.Series(base.isin(list(advocates)), index=base).groupby(category).mean()
    found = table(marts, "mart_referrals").query("dimension_name == 'nps_category'")
    found = found.set_index("dimension_value")["advocate_rate"]
    assert found.to_dict() == pytest.approx(expected.to_dict())


def test_points_by_account_and_month(
    marts: duckdb.DuckDBPyConnection, sample_exports: Path
) -> None:
    events = read(sample_exports, "loyalty_events", "occurred_at")
    events = events[events["occurred_at"] < END].sort_values(["occurred_at", "loyalty_event_id"])
    events["balance"] = events.groupby("customer_id")["points"].cumsum()
    found = table(marts, "fct_loyalty_events").set_index("loyalty_event_id")
    assert found["points_balance"].to_dict() == dict(
        zip(events["loyalty_event_id"], events["balance"], strict=True)
    )
    months = events["occurred_at"].dt.to_period("M").dt.to_timestamp()
    outstanding = events.groupby(months)["points"].sum().cumsum()
    earned = events[events["event_type"] == "earn"].groupby(months)["points"].sum().cumsum()
    burned = -events[events["event_type"] == "burn"].groupby(months)["points"].sum().cumsum()
    active = events.groupby(months)["customer_id"].nunique()
    by_month = table(marts, "mart_loyalty_programme")
    by_month["period_month"] = pd.to_datetime(by_month["period_month"])
    by_month = by_month.set_index("period_month").sort_index()
    assert by_month["points_outstanding"].to_dict() == outstanding.to_dict()
    assert by_month["count_active_accounts"].to_dict() == active.to_dict()
    assert by_month["liability_amount"].astype(float).to_numpy() == pytest.approx(
        outstanding.to_numpy() * 0.01
    )
    last = by_month.index[-1]
    assert by_month.loc[last, "redemption_rate"] == pytest.approx(burned.iloc[-1] / earned.iloc[-1])


@pytest.fixture(scope="module")
def occasions(sample_exports: Path, keys: "pd.Series[str]", sales: pd.DataFrame) -> pd.DataFrame:
    """Purchases of those who were no members yet, followed for 180 days, one by one."""
    window = pd.Timedelta(days=180)
    events = read(sample_exports, "loyalty_events", "occurred_at")
    events = events[events["occurred_at"] < END]
    joined = events.groupby(events["customer_id"].map(keys))["occurred_at"].min().dt.normalize()
    days = sales.assign(day=sales["ordered_at"].dt.normalize()).dropna(subset="customer_key")
    rows: list[dict[str, Any]] = []
    for customer, own in days.groupby("customer_key"):
        spend = own.groupby("day")["spend"].sum()
        member_from = joined.get(str(customer), pd.Timestamp.max)
        for number, day in enumerate(spend.index, start=1):
            if day > member_from or day + window > TODAY:
                continue
            at = spend.index
            parts = {
                "after": (at > day) & (at <= day + window),
                "before": (at < day) & (at >= day - window),
                "long_before": (at < day - window) & (at >= day - 2 * window),
            }
            rows.append(
                {
                    "customer": customer,
                    "stratum": (day.to_period("Q"), min(number, 6), min(parts["before"].sum(), 4)),
                    "is_joining": member_from == day,
                    "is_censored": day < member_from <= day + window,
                    "free": (parts["after"] & (at < member_from)).sum(),
                    **{f"purchases_{name}": part.sum() for name, part in parts.items()},
                    **{f"spend_{name}": spend[part].sum() for name, part in parts.items()},
                }
            )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("outcome", ["purchases", "spend"])
def test_what_joining_the_programme_changed(
    marts: duckdb.DuckDBPyConnection, occasions: pd.DataFrame, outcome: str
) -> None:
    """The same comparison by tables: stratum by stratum, deviations summed by customer."""
    chance = occasions["is_joining"].mean()
    weight = (1 - chance) ** -occasions["free"].astype(float)
    weight = weight.mask(occasions["is_censored"], 0.0).mask(occasions["is_joining"], 1.0)
    rows = occasions.assign(
        after=occasions[f"{outcome}_after"] * weight, is_compared=occasions["is_joining"]
    )
    before, long_before = (rows[f"{outcome}_{name}"] for name in ("before", "long_before"))
    level = matched_by_tables(rows.assign(value=rows["after"]))
    change = matched_by_tables(rows.assign(value=rows["after"] - before))
    trend = matched_by_tables(rows.assign(value=before - long_before))
    (found,) = (
        table(marts, "mart_loyalty_programme_effect")
        .query("outcome == @outcome")
        .to_dict("records")
    )
    expected = {
        "count_joined": occasions["is_joining"].sum(),
        "count_matched": change["count_compared"],
        "count_others": change["count_reference"],
        "mean_joined": level["mean_compared"],
        "mean_others": level["mean_reference"],
        "effect": change["effect"],
        "effect_low": change["low"],
        "effect_high": change["high"],
        "trend_before": trend["effect"],
        "trend_before_low": trend["low"],
        "trend_before_high": trend["high"],
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    parted = trend["low"] > 0 or trend["high"] < 0
    assert found["status"] == ("trend_before" if parted else "ok")


def assert_margin(
    row: "pd.Series[Any]", treated: "pd.Series[float]", control: "pd.Series[float]"
) -> None:
    """What the treated brought more than the control group, with Hall's interval."""
    groups = (treated, control)
    errors = [group.var() / len(group) for group in groups]
    thirds = [((group - group.mean()) ** 3).mean() / len(group) ** 2 for group in groups]
    if not sum(errors) > 0:  # all alike, or a control group of one
        assert pd.isna(row["incremental_margin_low"])
        return
    degrees = sum(errors) ** 2 / sum(
        e**2 / (len(g) - 1) for e, g in zip(errors, groups, strict=True)
    )
    interval = skewed_interval(
        treated.mean() - control.mean(),
        np.sqrt(sum(errors)),
        (thirds[0] - thirds[1]) / sum(errors) ** 1.5,
        degrees,
        whole=sum(thirds) / sum(errors) ** 1.5,
    )
    found = [row[f"incremental_margin{end}"] / len(treated) for end in ("_low", "_high")]
    assert found == pytest.approx(interval, abs=1e-3)
    assert row["incremental_margin"] / len(treated) == pytest.approx(
        treated.mean() - control.mean()
    )


def test_campaigns_against_their_control_groups(
    marts: duckdb.DuckDBPyConnection,
    sample_exports: Path,
    keys: "pd.Series[str]",
    sales: pd.DataFrame,
) -> None:
    members = read(sample_exports, "campaign_members", "sent_at", "responded_at")
    members = members[members["sent_at"].isna() | (members["sent_at"] < END)]
    members["member"] = members["customer_id"].map(keys)
    first_sent = members.groupby("campaign_id")["sent_at"].min()
    bought = {str(key): group for key, group in sales.groupby("customer_key")}
    margins = table(marts, "fct_orders").set_index("order_id")["margin_amount"].astype(float)
    rows: list[dict[str, Any]] = []
    for (campaign, member), own in members.groupby(["campaign_id", "member"]):
        treated = not own["is_control"].all()
        sent = own["sent_at"].min()
        start = sent if pd.notna(sent) else first_sent[campaign]
        orders = bought.get(str(member), sales.iloc[:0])
        inside = (orders["ordered_at"] > start) & (orders["ordered_at"] <= start + WINDOW)
        refused = (own["response_type"] == "unsubscribed").any()
        rows.append(
            {
                "campaign_id": campaign,
                "treated": treated,
                "bought": bool(inside.any()),
                "responded": bool(own["responded_at"].notna().any()) and not refused and treated,
                "revenue": orders.loc[inside, "spend"].sum() if treated else 0.0,
                "margin": margins.reindex(orders.loc[inside, "order_id"]).sum(),
            }
        )
    expected = pd.DataFrame(rows)
    found = table(marts, "mart_campaign_performance").set_index("campaign_id")
    assert set(expected["campaign_id"]) == set(found.index[found["count_treated"] > 0])
    for campaign, own in expected.groupby("campaign_id"):
        row = found.loc[str(campaign)]
        treated, control = own[own["treated"]], own[~own["treated"]]
        assert row["count_treated"] == len(treated)
        assert row["count_control"] == len(control)
        assert row["count_responded"] == own["responded"].sum()
        assert row["count_bought"] == treated["bought"].sum()
        assert float(row["member_revenue"]) == pytest.approx(own["revenue"].sum())
        assert row["purchase_rate"] == pytest.approx(treated["bought"].mean())
        if len(control):
            assert row["uplift"] == pytest.approx(
                treated["bought"].mean() - control["bought"].mean()
            )
            p = (treated["bought"].sum() + 1) / (len(treated) + 2)
            q = (control["bought"].sum() + 1) / (len(control) + 2)
            error = np.sqrt(p * (1 - p) / (len(treated) + 2) + q * (1 - q) / (len(control) + 2))
            assert row["uplift_low"] == pytest.approx(p - q - Z * error)
            assert row["uplift_high"] == pytest.approx(p - q + Z * error)
            assert_margin(row, treated["margin"], control["margin"])
    costs = read(sample_exports, "costs", "incurred_on")
    booked = costs[costs["incurred_on"] < END].groupby("campaign_id")["amount"].sum()
    reported = read(sample_exports, "campaigns").set_index("campaign_id")["actual_cost"]
    cost = found["cost"].astype(float)
    assert cost.to_numpy() == pytest.approx(
        booked.reindex(cost.index).fillna(reported.reindex(cost.index)).to_numpy(), nan_ok=True
    )


def test_a_campaign_whose_window_is_running_has_no_verdict_yet(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    found = marts.execute(
        "select count(*) filter (where verdict = 'running'), count(*) filter (where "
        "verdict in ('worked', 'harmed') and start_date > date '2026-10-05') "
        "from marts.mart_campaign_performance"
    ).fetchone()
    assert found is not None
    assert found[1] == 0
