"""Which facts and judgements go with satisfaction: the analyses of a company's answers.

Belongs here: which drivers are weighed against which outcome, differences between those who met
something and those who did not, the quadrant of a driver. Does not: the measures themselves
(`driver_weights`), reading or writing tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from models.satisfaction.driver_weights import Floats, Status, driver_weights

# Asked about in surveys; the columns hold answers brought to 0-100.
DIMENSIONS = (
    "product_quality",
    "service_quality",
    "price",
    "communication",
    "brand",
    "personal_attention",
    "convenience",
)
# What happened, whatever was asked. Those that either happened or not are compared as well.
ORDER_FACTS = (
    "late_delivery",
    "delivery_days",
    "trouble_with_order",
    "shipping_share",
    "discount_share",
)
CASE_FACTS = ("first_response_doublings", "resolution_doublings")
# Survey types whose overall question is an outcome.
SURVEYS_OF = {"satisfaction": ("csat", "review"), "nps": ("nps",)}
YES_OR_NO = frozenset({"late_delivery", "trouble_with_order"})

LEAST_KNOWN = 0.5  # a driver that fewer answers know would cost too many of the others


@dataclass(frozen=True)
class _Analysis:
    name: str
    drivers: tuple[str, ...]
    suffix: str = ""


_ANALYSES = (
    _Analysis("survey_dimensions", DIMENSIONS, "_0_100"),
    _Analysis("order_facts", ORDER_FACTS),
    _Analysis("case_facts", CASE_FACTS),
)


def weigh_all_drivers(
    questionnaires: pd.DataFrame, *, generator: np.random.Generator
) -> pd.DataFrame:
    """Return one row per analysis, outcome and driver.

    `questionnaires` has one row per answered questionnaire, in a fixed order: `survey_type`,
    `overall_0_100`, the seven dimensions as `<name>_0_100`, the facts of ORDER_FACTS and
    CASE_FACTS; NaN where unknown. Outcomes: `nps` (likelihood to recommend) and `satisfaction`
    (surveys and reviews about it, not about effort or leaving), both 0-100. A driver that less than
    half of the answers know is left out (status `too_few_known`); the others are weighed on the
    answers that know all of them. One that never varies has no weight (`constant`).
    """
    rows = [
        row
        for analysis in _ANALYSES
        for outcome in SURVEYS_OF
        for row in _weigh(questionnaires, analysis, outcome, generator)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS = (
    "analysis",
    "outcome",
    "driver",
    "status",
    "count_answers",
    "r_squared",
    "mean_value",
    "relative_weight",
    "relative_weight_low",
    "relative_weight_high",
    "lmg_weight",
    "lmg_weight_low",
    "lmg_weight_high",
    "effect",
    "effect_low",
    "effect_high",
    "correlation",
    "variance_inflation",
    "is_significant",
    "is_separable",
    "count_with",
    "count_without",
    "mean_outcome_with",
    "mean_outcome_without",
    "difference",
    "difference_low",
    "difference_high",
    "quadrant",
)


def _weigh(
    questionnaires: pd.DataFrame,
    analysis: _Analysis,
    outcome_name: str,
    generator: np.random.Generator,
) -> Iterator[dict[str, object]]:
    asks = questionnaires["survey_type"].isin(SURVEYS_OF[outcome_name]).to_numpy()
    outcome = questionnaires["overall_0_100"].to_numpy(dtype=float)
    values = questionnaires[[f"{name}{analysis.suffix}" for name in analysis.drivers]].to_numpy(
        dtype=float
    )
    known = ~np.isnan(values)
    # Only answers that could know: a survey without dimensions says nothing about dimensions.
    asked = asks & ~np.isnan(outcome) & known.any(axis=1)
    if not asked.any():
        return
    enough = known[asked].mean(axis=0) >= LEAST_KNOWN
    chosen = np.flatnonzero(enough)
    complete = asked & known[:, chosen].all(axis=1)
    found = driver_weights(values[complete][:, chosen], outcome[complete], generator=generator)
    quadrants = _quadrants(found.relative_weight, values[complete][:, chosen], analysis)
    for position, name in enumerate(analysis.drivers):
        contrast = _difference(outcome[asked], values[asked, position]) if name in YES_OR_NO else {}
        row: dict[str, object] = {
            "analysis": analysis.name,
            "outcome": outcome_name,
            "driver": name,
            "status": "too_few_known",
            "count_answers": int(known[asked, position].sum()),
            "mean_value": _mean(values[asked, position]),
            "is_significant": False,
            "is_separable": False,
            **contrast,
        }
        if enough[position]:
            at = int(np.searchsorted(chosen, position))
            row |= {
                # What was the same for all has no weight, and nothing to say about why.
                "status": "constant"
                if found.status is Status.OK and np.isnan(found.correlation[at])
                else str(found.status),
                "count_answers": found.count_answers,
                "r_squared": found.r_squared,
                "relative_weight": found.relative_weight[at],
                "relative_weight_low": found.relative_weight_low[at],
                "relative_weight_high": found.relative_weight_high[at],
                "lmg_weight": found.lmg[at],
                "lmg_weight_low": found.lmg_low[at],
                "lmg_weight_high": found.lmg_high[at],
                "effect": found.effect[at],
                "effect_low": found.effect_low[at],
                "effect_high": found.effect_high[at],
                "correlation": found.correlation[at],
                "variance_inflation": found.variance_inflation[at],
                "is_significant": bool(found.is_significant[at]),
                "is_separable": bool(found.is_separable[at]),
                "quadrant": quadrants[at] if found.status is Status.OK else None,
            }
        yield row


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _difference(outcome: Floats, happened: Floats) -> dict[str, object]:
    """Compare the mean outcome of those who met it with the others; Welch's 95 % interval."""
    groups = [outcome[happened == 1], outcome[happened == 0]]
    counts = [len(group) for group in groups]
    means = [float(group.mean()) if len(group) else float("nan") for group in groups]
    difference = low = high = float("nan")
    if min(counts) > 1:
        difference = means[0] - means[1]
        errors = [group.var(ddof=1) / len(group) for group in groups]
        apart = sum(e**2 / (n - 1) for e, n in zip(errors, counts, strict=True))
        # Where no answer differs from another, nothing tells how sure the difference is.
        reach = float(student.ppf(0.975, sum(errors) ** 2 / apart)) if apart else float("nan")
        low, high = (difference + sign * reach * np.sqrt(sum(errors)) for sign in (-1, 1))
    return {
        "count_with": counts[0],
        "count_without": counts[1],
        "mean_outcome_with": means[0],
        "mean_outcome_without": means[1],
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
    }


def _quadrants(weights: Floats, values: Floats, analysis: _Analysis) -> Sequence[str | None]:
    """Place drivers by importance and performance, each against the mean of all.

    Only what was judged has a performance; facts have none. Source: Martilla & James (1977),
    Importance-performance analysis, Journal of Marketing 41.
    """
    if analysis.name != "survey_dimensions" or not len(values):
        return [None] * len(weights)
    performance = values.mean(axis=0)
    important, good = weights >= weights.mean(), performance >= performance.mean()
    names = {
        (True, True): "keep_up",
        (True, False): "concentrate_here",
        (False, True): "possible_overkill",
        (False, False): "low_priority",
    }
    return [names[bool(i), bool(g)] for i, g in zip(important, good, strict=True)]
