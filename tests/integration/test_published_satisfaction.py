"""Satisfaction and loyalty as published, recomputed from the sample's files with pandas.

Another code path than the product's: pandas for tables, a singular value decomposition for relative
weights, statsmodels for regressions.
"""

import math
import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import t as student
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.proportion import proportion_confint
from vader import SentimentIntensityAnalyzer

from tests.conftest import AS_OF
from tests.integration.exported import END, Z, read, skewed_interval_of, table
from tests.running import PROJECT_ROOT

DIMENSIONS = (
    *("product_quality", "service_quality", "price", "communication"),
    *("brand", "personal_attention", "convenience"),
)


@pytest.fixture(scope="module")
def responses(sample_exports: Path, keys: "pd.Series[str]") -> pd.DataFrame:
    """Questions asked, answered or not, up to the as-of day."""
    rows = read(sample_exports, "survey_responses", "invited_at", "responded_at")
    rows["customer_key"] = rows["customer_id"].map(keys)
    rows["at"] = rows["responded_at"].fillna(rows["invited_at"])
    rows["on_100"] = (
        100 * (rows["score"] - rows["scale_min"]) / (rows["scale_max"] - rows["scale_min"])
    )
    return rows[rows["at"] < END]


@pytest.fixture(scope="module")
def questionnaires(responses: pd.DataFrame) -> pd.DataFrame:
    """Answered questionnaires with their questions side by side."""
    answered = responses[responses["score"].notna()]
    wide = answered.pivot(index="response_id", columns="dimension", values="on_100")
    facts = answered.groupby("response_id")[["customer_key", "order_id", "survey_type", "at"]]
    return wide.join(facts.first())


def johnson(drivers: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Relative weights by regressing on the nearest orthogonal variables."""
    z = (drivers - drivers.mean(0)) / drivers.std(0)
    y = (outcome - outcome.mean()) / outcome.std()
    left, _, right = np.linalg.svd(z, full_matrices=False)
    orthogonal = left @ right * np.sqrt(len(z))
    loadings, slopes = z.T @ orthogonal / len(z), orthogonal.T @ y / len(z)
    return np.asarray(loadings**2 @ slopes**2)


def complete_answers(questionnaires: pd.DataFrame) -> pd.DataFrame:
    """Return the questionnaires on satisfaction in which every dimension was answered."""
    return questionnaires[questionnaires["survey_type"].isin(["csat", "review"])].dropna(
        subset=["overall", *DIMENSIONS]
    )


def weights_of_dimensions(marts: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the published drivers of satisfaction in the order of `DIMENSIONS`."""
    found = table(marts, "mart_satisfaction_drivers").query(
        "analysis == 'survey_dimensions' and outcome == 'satisfaction'"
    )
    return found.set_index("driver").loc[list(DIMENSIONS)]


def test_weights_of_the_dimensions(
    marts: duckdb.DuckDBPyConnection, questionnaires: pd.DataFrame
) -> None:
    complete = complete_answers(questionnaires)
    drivers = complete[list(DIMENSIONS)].to_numpy(float)
    outcome = complete["overall"].to_numpy(float)
    fit = sm.OLS(outcome, sm.add_constant(drivers)).fit()
    found = weights_of_dimensions(marts)
    assert (found["count_answers"] == len(complete)).all()
    assert found["relative_weight"].to_numpy() == pytest.approx(johnson(drivers, outcome))
    assert found["effect"].to_numpy() == pytest.approx(fit.params[1:])
    assert found["r_squared"].to_numpy() == pytest.approx(fit.rsquared)
    assert found["lmg_weight"].sum() == pytest.approx(fit.rsquared)
    weight, asked = found["relative_weight"], drivers.mean(axis=0)
    assert found["relative_weight_share"].to_numpy() == pytest.approx(weight / weight.sum())
    heavy, good = weight >= weight.mean(), asked >= asked.mean()
    names = {
        (True, True): "keep_up", (True, False): "concentrate_here",
        (False, True): "possible_overkill", (False, False): "low_priority",
    }  # fmt: skip
    assert found["quadrant"].tolist() == [names[pair] for pair in zip(heavy, good, strict=True)]
    assert found["quadrant"].nunique() > 2
    assert found["mean_value"].to_numpy() == pytest.approx(
        questionnaires.loc[
            (questionnaires["survey_type"].isin(["csat", "review"]))
            & questionnaires["overall"].notna()
            & questionnaires[list(DIMENSIONS)].notna().any(axis=1),
            list(DIMENSIONS),
        ].mean()
    )


def lmg(among: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Average the gain in R-squared over all orders of entry, by dynamic programming on subsets."""
    count = len(outcome)
    explained = np.zeros(2**count)
    for code in range(1, 2**count):
        chosen = [driver for driver in range(count) if code >> driver & 1]
        inside = np.linalg.solve(among[np.ix_(chosen, chosen)], outcome[chosen])
        explained[code] = outcome[chosen] @ inside
    weights = np.zeros(count)
    for code in range(2**count):
        size = bin(code).count("1")
        for driver in range(count):
            if not code >> driver & 1:
                orders = math.factorial(size) * math.factorial(count - size - 1)
                gain = explained[code | 1 << driver] - explained[code]
                weights[driver] += orders / math.factorial(count) * gain
    return weights


def test_how_sure_the_weights_are(
    marts: duckdb.DuckDBPyConnection, questionnaires: pd.DataFrame
) -> None:
    """Another bootstrap, row by row with other draws, gives the same intervals up to its chance."""
    complete = complete_answers(questionnaires)
    drivers = complete[list(DIMENSIONS)].to_numpy(float)
    outcome = complete["overall"].to_numpy(float)
    found = weights_of_dimensions(marts)
    assert (found["topic"] == found.index).all() and (found["status"] == "ok").all()
    correlations = [np.corrcoef(column, outcome)[0, 1] for column in drivers.T]
    assert found["correlation"].to_numpy() == pytest.approx(correlations)
    constant = sm.add_constant(drivers)
    inflation = [variance_inflation_factor(constant, n + 1) for n in range(len(DIMENSIONS))]
    assert found["variance_inflation"].to_numpy() == pytest.approx(inflation)
    assert found["is_separable"].tolist() == [value < 5 for value in inflation]
    rng = np.random.default_rng(12)
    chance = rng.standard_normal(len(outcome))
    draws: dict[str, list[np.ndarray]] = {name: [] for name in ("relative", "lmg", "effect")}
    over_chance = []
    for _ in range(400):
        rows = rng.integers(len(outcome), size=len(outcome))
        x, y = drivers[rows], outcome[rows]
        draws["relative"].append(johnson(x, y))
        matrix = np.corrcoef(np.column_stack([x, y]), rowvar=False)
        draws["lmg"].append(lmg(matrix[:-1, :-1], matrix[:-1, -1]))
        draws["effect"].append(np.linalg.lstsq(sm.add_constant(x), y, rcond=None)[0][1:])
        weights = johnson(np.column_stack([x, chance[rows]]), y)
        over_chance.append(weights[:-1] - weights[-1])
    columns = {"relative": "relative_weight", "lmg": "lmg_weight", "effect": "effect"}
    # As many answers as the model left free spread wider (expanded percentile interval).
    free = len(outcome) - len(DIMENSIONS) - 1
    stretch = np.sqrt(len(outcome) / free) * student.ppf(0.975, free) / 1.959964
    for name, column in columns.items():
        at = found[column].to_numpy()
        ends = at + stretch * (np.quantile(draws[name], [0.025, 0.975], axis=0) - at)
        ends = ends if name == "effect" else np.maximum(ends, 0)
        width = ends[1] - ends[0]
        for side, end in zip(("low", "high"), ends, strict=True):
            away = np.abs(found[f"{column}_{side}"].to_numpy() - end)
            assert (away < 0.2 * width).all(), (column, side)
    # Where another random variable decides, either answer is right.
    lowest = np.quantile(over_chance, 0.025, axis=0)
    clear = np.abs(lowest) > 0.5 * np.std(over_chance, axis=0)
    assert found["is_significant"].to_numpy()[clear].tolist() == (lowest[clear] > 0).tolist()
    assert clear.sum() >= 3


def test_late_deliveries_against_punctual_ones(
    marts: duckdb.DuckDBPyConnection,
    questionnaires: pd.DataFrame,
    sales: pd.DataFrame,
    responses: pd.DataFrame,
) -> None:
    about_cases = set(responses.loc[responses["case_id"].notna(), "response_id"])
    judged = questionnaires.reset_index().merge(sales, on="order_id", suffixes=("", "_order"))
    judged = judged[
        (judged["survey_type"] == "nps")
        & ~judged["response_id"].isin(about_cases)
        & judged["delivered_at"].notna()
        & judged["promised_at"].notna()
    ]
    late = judged["delivered_at"].dt.normalize() > judged["promised_at"].dt.normalize()
    groups = judged.loc[late, "overall"], judged.loc[~late, "overall"]
    (found,) = (
        table(marts, "mart_satisfaction_drivers")
        .query("driver == 'late_delivery' and outcome == 'nps'")
        .to_dict("records")
    )
    difference = groups[0].mean() - groups[1].mean()
    interval = sm.stats.CompareMeans.from_data(*groups).tconfint_diff(usevar="unequal")
    assert (found["count_with"], found["count_without"]) == (len(groups[0]), len(groups[1]))
    assert found["topic"] == "convenience"
    means = found["mean_outcome_with"], found["mean_outcome_without"]
    assert means == pytest.approx([group.mean() for group in groups])
    assert found["difference"] == pytest.approx(difference)
    assert (found["difference_low"], found["difference_high"]) == pytest.approx(interval)


def test_the_index_weighs_dimensions_as_they_drive(
    marts: duckdb.DuckDBPyConnection, questionnaires: pd.DataFrame
) -> None:
    weights = (
        table(marts, "mart_satisfaction_drivers")
        .query("analysis == 'survey_dimensions' and outcome == 'satisfaction'")
        .set_index("driver")["relative_weight"]
        .reindex(DIMENSIONS)
    )
    values = questionnaires[list(DIMENSIONS)]
    known = values.notna().mul(weights, axis=1).sum(axis=1)
    expected = (values.mul(weights, axis=1).sum(axis=1) / known)[known > 0]
    found = table(marts, "fct_feedback").set_index("response_id")["satisfaction_index"].dropna()
    assert set(found.index) == set(expected.index)
    assert found.to_numpy() == pytest.approx(expected.loc[found.index].to_numpy())


def test_response_rates(marts: duckdb.DuckDBPyConnection, responses: pd.DataFrame) -> None:
    asked = responses[(responses["survey_type"] == "nps") & (responses["dimension"] == "overall")]
    asked = asked[asked["invited_at"].notna()]
    months = asked["invited_at"].dt.to_period("M").dt.to_timestamp()
    expected = asked["score"].notna().groupby(months).agg(["sum", "size"])
    found = (
        table(marts, "mart_satisfaction")
        .query("metric == 'nps' and dimension_name == 'all' and period_type == 'month'")
        .set_index("period_month")
    )
    rates = (expected["sum"] / expected["size"]).reindex(pd.DatetimeIndex(found.index))
    assert found["response_rate"].to_numpy(float) == pytest.approx(
        rates.to_numpy(float), nan_ok=True
    )
    assert found["count_invited"].sum() == expected["size"].reindex(rates.index).sum()


def test_changes_of_nps_from_month_to_month(marts: duckdb.DuckDBPyConnection) -> None:
    found = (
        table(marts, "mart_satisfaction")
        .query("metric == 'nps' and dimension_name == 'all' and period_type == 'month'")
        .assign(period_month=lambda rows: pd.to_datetime(rows["period_month"]))
        .set_index("period_month")
        .sort_index()
    )
    n, p, d = (
        found[name].astype(float) + added
        for name, added in (
            ("count_responses", 3),
            ("count_favourable", 0.75),
            ("count_unfavourable", 0.75),
        )
    )
    value, variance = (p - d) / n * 100, ((p + d) / n - ((p - d) / n) ** 2) / n * 10_000
    compared = 0
    for month, row in found.iterrows():
        before = month - pd.DateOffset(months=1)  # type: ignore[operator]
        if before not in found.index:
            assert pd.isna(row["change"])
            continue
        compared += 1
        error = Z * np.sqrt(variance[month] + variance[before])
        assert row["change"] == pytest.approx(row["value"] - found.loc[before, "value"])
        assert row["change_ci_low"] == pytest.approx(value[month] - value[before] - error)
        assert row["change_ci_high"] == pytest.approx(value[month] - value[before] + error)
    assert compared > 10


def test_what_customers_do_after_each_score(
    marts: duckdb.DuckDBPyConnection,
    questionnaires: pd.DataFrame,
    responses: pd.DataFrame,
    sales: pd.DataFrame,
) -> None:
    horizon = pd.Timedelta(days=180)
    overall = responses[(responses["dimension"] == "overall") & responses["score"].notna()]
    nps = overall[(overall["survey_type"] == "nps") & overall["customer_key"].notna()]
    nps = nps[nps["at"].dt.normalize() + horizon <= pd.Timestamp(AS_OF)]
    nps = nps.sort_values(["at", "response_id"], ascending=[False, True])
    latest = nps.drop_duplicates("customer_key")
    rows: list[dict[str, Any]] = []
    bought = dict(iter(sales.groupby("customer_key")))
    for answer in latest.itertuples():
        own = bought.get(answer.customer_key, sales.iloc[:0])
        days = own["ordered_at"].dt.normalize() - answer.at.normalize()  # type: ignore[union-attr]
        after = own[(own["ordered_at"] > answer.at) & (days <= horizon)]
        late = (after["ordered_at"].dt.normalize() - answer.at.normalize()) > horizon / 2  # type: ignore[union-attr]
        rows.append(
            {
                "score": answer.score,
                "repurchased": len(after) > 0,
                "retained": bool(late.any()),
                "spend": after["spend"].sum(),
                "orders": len(after),
            }
        )
    expected = (
        pd.DataFrame(rows)
        .groupby("score")
        .agg(
            count_customers=("score", "size"),
            repurchase_rate=("repurchased", "mean"),
            retention_rate=("retained", "mean"),
            spend_per_customer=("spend", "mean"),
            orders_per_customer=("orders", "mean"),
            largest_spend_share=("spend", lambda s: s.max() / s.sum() if s.sum() > 0 else None),
        )
    )
    curves = table(marts, "mart_satisfaction_loyalty_curve")
    found = curves.query("outcome == 'nps'").set_index("score").sort_index()
    for column in expected.columns:
        assert found[column].to_numpy(float) == pytest.approx(
            expected[column].to_numpy(float), nan_ok=True
        )
    for side in (0, 1):
        spread = (
            pd.DataFrame(rows)
            .groupby("score")["spend"]
            .agg(
                lambda spent: skewed_interval_of(spent)[side]  # noqa: B023  # called at once
            )
        )
        name = f"spend_per_customer_{('low', 'high')[side]}"
        assert found[name].to_numpy(float) == pytest.approx(
            spread.to_numpy(float), nan_ok=True, abs=1e-4
        )
        for rate, hits in (("repurchase_rate", "repurchased"), ("retention_rate", "retained")):
            counts = pd.DataFrame(rows).groupby("score")[hits].agg(["sum", "size"])
            ends = proportion_confint(counts["sum"], counts["size"], method="wilson")[side]
            column = f"{rate}_{('low', 'high')[side]}"
            assert found[column].to_numpy(float) == pytest.approx(ends.to_numpy(), abs=1e-9)
    arcs = expected["repurchase_rate"].diff() / expected["repurchase_rate"].rolling(2).mean()
    scores = expected.index.to_series()
    elasticity = arcs / (scores.diff() / scores.rolling(2).mean())
    assert found["elasticity"].to_numpy(float) == pytest.approx(
        elasticity.to_numpy(float), nan_ok=True
    )
    # The arc grows with the ratio of the rates, whose logarithm is normal; half a hit and half a
    # miss are added to either.
    hits = expected["repurchase_rate"] * expected["count_customers"] + 0.5
    share = hits / (expected["count_customers"] + 1)
    log, spread = np.log(share).diff(), 1 / hits - 1 / (expected["count_customers"] + 1)
    for side, sign in (("low", -1), ("high", 1)):
        ratio = np.exp(log + sign * Z * np.sqrt(spread + spread.shift()))
        end = 2 * (ratio - 1) / (ratio + 1) / (scores.diff() / scores.rolling(2).mean())
        end = end.where(sign * (end - elasticity) >= 0, elasticity).where(elasticity.notna())
        assert found[f"elasticity_{side}"].to_numpy(float) == pytest.approx(
            end.to_numpy(float), nan_ok=True
        )
    # What customers say of effort and of leaving is not how satisfied they are.
    measured = {"nps": "nps", "ces": "effort", "other": "other"}
    types = overall["survey_type"].map(measured).fillna("satisfaction")
    followed = overall["at"].dt.normalize() + horizon <= pd.Timestamp(AS_OF)
    people = overall[followed & overall["customer_key"].notna()]
    scales = people.groupby([types, "scale_max"])["customer_key"].nunique()
    assert (
        curves.groupby(["outcome", "scale_max"])["count_customers"].sum().to_dict()
        == scales.to_dict()
    )
    assert found["is_top_box"].tolist() == (found.index == 10).tolist()


def test_latest_satisfaction_and_its_change(
    marts: duckdb.DuckDBPyConnection, questionnaires: pd.DataFrame
) -> None:
    judged = questionnaires[
        (questionnaires["survey_type"].isin(["csat", "review"]))
        & questionnaires["overall"].notna()
        & questionnaires["customer_key"].notna()
    ].reset_index()
    ordered = judged.sort_values(["at", "response_id"], ascending=[False, True])
    expected = ordered.groupby("customer_key")["overall"].agg(list)
    found = table(marts, "mart_customer_satisfaction").set_index("customer_key")
    found = found[found["last_satisfaction"].notna()]
    assert set(found.index) == set(expected.index)
    for key, scores in expected.items():
        row = found.loc[str(key)]
        assert row["last_satisfaction"] == pytest.approx(scores[0])
        assert row["mean_satisfaction"] == pytest.approx(np.mean(scores), abs=1e-4)
        assert row["is_satisfied"] == (scores[0] >= 75)
        if len(scores) > 1:
            assert row["satisfaction_change"] == pytest.approx(scores[0] - scores[1])
        else:
            assert pd.isna(row["satisfaction_change"])


def test_loyalty_of_every_buyer(marts: duckdb.DuckDBPyConnection, sales: pd.DataFrame) -> None:
    found = table(marts, "mart_customer_loyalty").set_index("customer_key")
    days = (pd.Timestamp(AS_OF) - sales["ordered_at"].dt.normalize()).dt.days
    year, before = sales[days < 365], sales[(days >= 365) & (days < 730)]
    buyers = sales.groupby("customer_key").size()
    assert set(found.index) == set(buyers.index)
    found = found.loc[buyers.index]
    spend = year.groupby("customer_key")["spend"].sum().reindex(buyers.index, fill_value=0.0)
    previous = before.groupby("customer_key")["spend"].sum().reindex(buyers.index, fill_value=0.0)
    assert found["spend_365d"].astype(float).to_numpy() == pytest.approx(spend.to_numpy(), abs=1e-6)
    assert found["spend_previous_365d"].astype(float).to_numpy() == pytest.approx(
        previous.to_numpy(), abs=1e-6
    )
    cents = (spend * 100).round()
    below = (cents.rank(method="min") - 1) / (len(cents) - 1) * 100
    assert found["spend_score"].to_numpy() == pytest.approx(below.to_numpy())

    weights = {
        "repeat_purchase": 0.20, "spend": 0.15, "cross_buy": 0.10, "word_of_mouth": 0.15,
        "satisfaction": 0.15, "retention": 0.15, "lifetime_value": 0.10,
    }  # fmt: skip
    scores = found[[f"{name}_score" for name in weights]].astype(float)
    scores.columns = pd.Index(weights)
    shares = pd.Series(weights)
    score = scores.mul(shares).sum(axis=1) / scores.notna().mul(shares).sum(axis=1)
    assert found["loyalty_score"].to_numpy() == pytest.approx(score.to_numpy())

    last = sales.groupby("customer_key")["ordered_at"].max()
    active = (pd.Timestamp(AS_OF) - last.dt.normalize()).dt.days <= 365
    loyal = active & (buyers >= 2)
    satisfied = found["last_satisfaction"].map(
        lambda value: None if pd.isna(value) else value >= 75
    )
    names = {
        (True, True): "loyalist",
        (True, False): "mercenary",
        (False, True): "hostage",
        (False, False): "defector",
    }
    for key, row in found.iterrows():
        known = satisfied[key] is not None and not pd.isna(satisfied[key])
        expected = names[bool(satisfied[key]), bool(loyal[key])] if known else None
        assert (row["quadrant"] if known else None) == expected
        assert row["is_active"] == active[key]
    assert found.loc[~found["is_active"], "churn_reason"].notna().all()


def test_accuracy_of_polarity_is_what_the_answers_show(marts: duckdb.DuckDBPyConnection) -> None:
    feedback = table(marts, "fct_feedback").dropna(subset=["comment"])
    clear = feedback[(feedback["overall_0_100"] >= 85) | (feedback["overall_0_100"] <= 40)]
    side = np.where(clear["overall_0_100"] >= 85, "positive", "negative")
    found = table(marts, "feedback_text_accuracy").query("is_used").set_index("language")
    for language, own in clear.groupby("comment_language"):
        right = (own["polarity"] == pd.Series(side, index=clear.index)[own.index]).sum()
        assert found.loc[str(language), "count_answers"] == len(own)
        if found.loc[str(language), "method"] == "word_list":  # the same way for all texts
            assert found.loc[str(language), "count_right"] == right


def test_polarity_is_what_list_and_library_say(marts: duckdb.DuckDBPyConnection) -> None:
    """Read again by plain search, where no negation turns words round; else by the libraries."""
    import jionlp  # once the run has: two workers that unpack it at once would spoil it

    methods = table(marts, "feedback_text_accuracy").query("is_used").set_index("language")
    assert methods["method"].to_dict() == {
        "latin": "word_list_and_vader",
        "zh": "word_list_and_jionlp",
    }
    english = SentimentIntensityAnalyzer()
    chinese = jionlp.sentiment.LexiconSentiment()
    seeds = PROJECT_ROOT / "dbt_project/seeds"
    words = pd.read_csv(seeds / "feedback_words.csv").set_index("word")["polarity"].to_dict()
    negations = {"not", "no", "never", "nothing", "nobody", "without", "hardly", "cannot", "nor"}
    feedback = table(marts, "fct_feedback").dropna(subset="comment")
    read = {"latin": 0, "zh": 0, "latin library": 0, "zh library": 0}
    for row in feedback.drop_duplicates("comment").to_dict("records"):
        text, language = row["comment"].casefold(), row["comment_language"]
        if language == "zh":
            known = [word for word in words if word in text]
            turned = any(sign in text for sign in "不没沒无無未别")
            # One word inside another, or a word twice, is a matter of order.
            if turned or any(a != b and a in b for a in known for b in known):
                continue
            found = [words[word] for word in known for _ in range(text.count(word))]
        else:
            tokens = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text)
            if negations & set(tokens) or "n't" in text:
                continue
            fitting = [
                [w for w in words if token == w or (w[-1] == "*" and token.startswith(w[:-1]))]
                for token in tokens
            ]
            # The word itself, else the longest beginning.
            found = [
                words[max(fits, key=lambda w: (w[-1] != "*", len(w)))] for fits in fitting if fits
            ]
            found += [polarity for word, polarity in words.items() if " " in word and word in text]
        expected = float(np.mean(found)) if found else 0.0
        read[language] += bool(found)
        if not expected:
            leaning = (
                english.polarity_scores(row["comment"])["compound"]
                if language == "latin"
                else 2 * chinese(row["comment"]) - 1
            )
            if abs(leaning) >= (0.05 if language == "latin" else 1e-12):
                expected = np.sign(leaning) * (0.2 + 0.8 * abs(leaning))
            read[f"{language} library"] += 1
        assert row["polarity_score"] == pytest.approx(expected), row["comment"]
    assert read["latin"] > 30 and read["latin library"] > 20, read
    assert read["zh"] and read["zh library"], read
