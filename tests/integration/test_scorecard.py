"""The scorecard, recomputed with pandas from the published facts."""

import duckdb
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from orchestration.lib.kpi_targets import KPIS
from orchestration.lib.project import PROJECT_ROOT
from tests.conftest import AS_OF
from tests.integration.exported import Z, skewed_interval_of

TODAY = pd.Timestamp(AS_OF)


@pytest.fixture(scope="module")
def sales(marts: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    orders = table(marts, "fct_orders")
    orders = orders[orders["is_sale"]].assign(day=orders["ordered_at"].dt.normalize())
    return orders.astype({"net_revenue": float})


def table(con: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    return con.table(f"marts.{name}").df()


def observations(
    con: duckdb.DuckDBPyConnection, sales: pd.DataFrame, kpi: str, first: pd.Timestamp,
    last: pd.Timestamp, before: pd.Timestamp,
) -> "pd.Series[float]":  # fmt: skip
    """One number per order, customer, answer or clock: an amount, 0/1, or ±1 of the NPS."""
    within = sales[sales["day"].between(first, last)]
    counts = within.groupby("customer_key").size()
    cases = table(con, "fct_cases")
    opened = cases[cases["opened_at"].dt.normalize().between(first, last)]
    answers = table(con, "fct_survey_responses").query("is_counted and dimension == 'overall'")
    answers = answers[answers["responded_at"].dt.normalize().between(first, last)]
    answers = answers.assign(who=answers["customer_key"].fillna(answers["response_id"]))
    answers = answers.sort_values(["responded_at", "response_id"], ascending=[True, False])
    match kpi:
        case "net_revenue" | "average_order_value":
            return within["net_revenue"]
        case "count_orders":
            return pd.Series(1.0, within.index)
        case "new_customers":
            return (sales.groupby("customer_key")["day"].min().between(first, last)).loc[
                lambda is_new: is_new
            ]
        case "repeat_purchase_rate":
            return counts > 1
        case "retention_rate":
            base = sales.loc[sales["day"].between(before, first - pd.Timedelta(days=1))]
            started = pd.Series(base["customer_key"].dropna().unique())
            return started.isin(counts.index)
        case "complaint_rate":
            return counts.index.to_series().isin(opened[opened["is_complaint"]]["customer_key"])
        case "late_delivery_rate":
            arrived = sales["delivered_at"].dt.normalize().between(first, last)
            return sales.loc[arrived, "delivery_delay_days"].dropna() > 0
        case "nps":
            scores = answers.query("survey_type == 'nps'").groupby("who")["score"].last()
            return (scores >= 9).astype(int) - (scores <= 6).astype(int)
        case "csat":
            five = answers.query("survey_type in ('csat', 'review') and scale_max == 5")
            return five.groupby("who")["score"].last() >= 4
        case "sla_attainment":
            clocks = opened[["first_response_outcome", "resolution_outcome"]].stack()
            return clocks[clocks.isin(["met", "breached"])] == "met"
        case "viral_coefficient":
            referrals = table(con, "fct_referrals")
            own = referrals[
                referrals["referrer_customer_key"].notna() & ~referrals["is_self_referral"]
            ]
            invited = own[own["invited_at"].dt.normalize() <= last]["referrer_customer_key"]
            bought = sales.loc[sales["day"] <= last, "customer_key"].dropna()
            won = own[own["converted_at"].dt.normalize().between(first, last)]
            heads = sorted({*bought, *invited})
            return won.groupby("referrer_customer_key").size().reindex(heads, fill_value=0)
        case "first_contact_resolution":
            return opened["is_first_contact_resolved"].dropna().astype(bool)
    raise AssertionError(f"{kpi} is not recomputed")


def test_every_actual_is_what_the_facts_say(
    marts: duckdb.DuckDBPyConnection, sales: pd.DataFrame
) -> None:
    scorecard = table(marts, "mart_kpi_scorecard")
    targets = pd.read_csv(
        PROJECT_ROOT / "kpi_targets.csv", parse_dates=["period_start", "period_end"]
    )
    assert set(scorecard["kpi"]) == set(KPIS), "the example has a target for every KPI"
    assert len(scorecard) == len(targets)
    found = scorecard.set_index(["kpi", "phase"])
    terms = table(marts, "metric_catalogue").set_index("metric_name")["chinese_term"]
    for target in targets.itertuples():
        row = found.loc[(target.kpi, target.phase)]
        assert (row["target"], row["direction"]) == (target.target, target.direction)
        change = row["actual"] - row["previous_actual"]
        assert row["change"] == pytest.approx(change, nan_ok=True)
        start, length = target.period_start, target.period_end - target.period_start
        if start > TODAY:
            assert row["status"] == "not_started"
            assert pd.isna(row["actual"])
            continue
        last = min(target.period_end, TODAY)
        period = length + pd.Timedelta(days=1)
        kind = KPIS[target.kpi]
        observed = []
        for column, shift in (("actual", 0), ("previous_actual", 1)):
            each = observations(
                marts, sales, target.kpi, start - shift * period, last - shift * period,
                start - (shift + 1) * period,
            ).astype(float)  # fmt: skip
            value = (
                each.sum()
                if kind.measure == "sum"
                else each.mean() * (100 if kind.measure == "nps" else 1)
            )
            assert row[column] == pytest.approx(value), (target.kpi, target.phase, column)
            observed.append(each)
            if shift:
                continue
            if kind.measure == "rate":
                interval = proportion_confint(each.sum(), len(each), method="wilson")
                assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval)
            if kind.measure == "mean":
                assert [row["ci_low"], row["ci_high"]] == pytest.approx(
                    skewed_interval_of(each), nan_ok=True
                )
            if kind.measure == "per_head":
                # The ends are the means from which the counts lie 1.96 of their errors away.
                spread = max(each.var(ddof=0) / each.mean(), 1.0)
                for end in (row["ci_low"], row["ci_high"]):
                    away = abs(each.sum() - len(each) * end)
                    assert away == pytest.approx(Z * np.sqrt(spread * len(each) * end))
        if kind.measure == "rate":
            counts = [count for each in observed for count in (each.sum(), len(each))]
            change = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
            assert (row["change_ci_low"], row["change_ci_high"]) == pytest.approx(change)
        before = start - period, last - period
        assert (row["previous_start_date"], row["previous_end_date"]) == before
        assert (row["period_start_date"], row["period_end_date"]) == (start, target.period_end)
        assert row["chinese_term"] == terms[f"kpi_{target.kpi}"]
        present, previous = observed
        assert row["count_observations"] == len(present)
        assert row["previous_count_observations"] == len(previous)
        assert float(row["numerator"]) == pytest.approx(present.sum())
        assert row["is_small_sample"] == (kind.measure != "sum" and len(present) < 30)
        is_flat = row["change"] == 0 or row["change_ci_low"] <= 0 <= row["change_ci_high"]
        trend = "flat" if is_flat else "up" if row["change"] > 0 else "down"
        if pd.isna(row["change"]) or (kind.measure != "sum" and pd.isna(row["change_ci_low"])):
            assert pd.isna(row["trend"]) and pd.isna(row["trend_judgement"])
        else:
            is_better = (trend == "up") == (target.direction == "at_least")
            assert row["trend"] == trend
            assert row["trend_judgement"] == (
                "same" if is_flat else "better" if is_better else "worse"
            )
        elapsed = (last - start + pd.Timedelta(days=1)) / period
        assert row["elapsed_share"] == pytest.approx(elapsed)
        due = target.target * (elapsed if kind.accrues else 1)
        assert row["target_by_now"] == pytest.approx(due)
        assert row["gap"] == pytest.approx(row["actual"] - due)
        missing = -row["gap"] if target.direction == "at_least" else row["gap"]
        whole = 100 if kind.measure == "nps" else abs(due)
        if missing > 0 and whole > 0:
            assert row["shortfall_share"] == pytest.approx(missing / whole)
        else:
            assert pd.isna(row["shortfall_share"])
        best = row["ci_high"] if target.direction == "at_least" else row["ci_low"]
        judged = row["actual"] if last == target.period_end or pd.isna(best) else best
        reached = judged >= due if target.direction == "at_least" else judged <= due
        good = "met" if last == target.period_end else "on_track"
        assert row["status"] == (good if reached else "off_track")


def test_the_risk_list_holds_what_is_off_track(marts: duckdb.DuckDBPyConnection) -> None:
    scorecard = table(marts, "mart_kpi_scorecard")
    listed = scorecard[scorecard["risk_rank"].notna()].sort_values("risk_rank")
    assert set(scorecard[scorecard["status"] == "off_track"].index) <= set(listed.index)
    assert list(listed["risk_rank"]) == list(range(1, len(listed) + 1))
    for row in listed.itertuples():
        assert row.risk_sentence.startswith(f"{row.kpi.replace('_', ' ')}, {row.phase}: ")
        assert row.risk_sentence.endswith(f"Owner: {row.owner}.")
