"""Needs segments: customers who behave alike, found by k-means and described in words.

Belongs here: standardising behaviour, choosing the number of segments, naming them. Does not:
reading behaviour (`int_segments__customer_behaviour`), rules that a person sets (the marts).

A segmentation is a way to speak of customers, not a discovery of natural kinds: k-means also cuts a
single cloud. What is asked of it is that another sample of the same customers would be cut the same
way (Hennig 2007, Cluster-wise assessment of cluster stability); where none is, all stay together.
The number of segments is the most stable one; of those within one standard error of it the largest
(the rule of Breiman et al. 1984 for trees), since more segments say more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Two halves, more and less of everything, are always stable and say little.
SMALLEST_COUNT, LARGEST_COUNT = 3, 7  # more than seven nobody keeps apart
# Hennig 2007: below .6 a cluster should not be trusted, from .75 on it is a valid pattern.
STABLE = 0.75
SMALLEST_SHARE = 0.03
BOOTSTRAPS = 8
CHOICE_SAMPLE = 3_000  # customers on which the number of segments is chosen
FIT_SAMPLE = 50_000  # customers on which the centres are fitted
FEWEST_CUSTOMERS = 100
DISTINGUISHING = 0.4  # standard deviations from the mean of all customers
ALL_TOGETHER = "Undifferentiated"


@dataclass(frozen=True)
class Feature:
    """A trait of behaviour: how its mean is shown and what much and little of it are called."""

    name: str
    high: str
    low: str
    title_high: str
    title_low: str
    unit: str
    is_skewed: bool = False
    is_share: bool = False


FEATURES = (
    Feature(
        "orders_per_year", "orders often", "orders rarely", "Frequent", "Occasional",
        "orders a year", is_skewed=True,
    ),
    Feature(
        "mean_order_revenue", "spends much per order", "spends little per order", "Big spenders",
        "Small baskets", "per order", is_skewed=True,
    ),
    Feature(
        "units_per_order", "buys many units at once", "buys single items", "Stock-up buyers",
        "Single-item buyers", "units per order", is_skewed=True,
    ),
    Feature(
        "price_level", "chooses the dearer products", "chooses the cheaper products",
        "Premium seekers", "Price-conscious", "times the usual price", is_skewed=True,
    ),
    Feature(
        "count_categories", "buys across many categories", "keeps to few categories", "Explorers",
        "Specialists", "categories", is_skewed=True,
    ),
    Feature(
        "evening_order_share", "orders in the evening or at night", "orders during the day",
        "Evening shoppers", "Daytime shoppers", "of orders", is_share=True,
    ),
    Feature(
        "weekend_order_share", "orders at weekends", "orders on weekdays", "Weekend shoppers",
        "Weekday shoppers", "of orders", is_share=True,
    ),
    Feature(
        "discounted_order_share", "buys with discounts", "pays the full price", "Bargain hunters",
        "Full-price buyers", "of orders", is_share=True,
    ),
    Feature(
        "refund_rate", "sends much back", "keeps what was bought", "Returners", "Keepers",
        "of revenue", is_share=True,
    ),
    Feature(
        "cases_per_order", "needs much service", "needs no service", "Service seekers",
        "Self-reliant", "cases per order", is_skewed=True,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class NeedsSegment:
    """One segment: its name, what distinguishes it in words, and how many customers it has."""

    name: str
    description: str
    count_customers: int


@dataclass(frozen=True)
class Needs:
    """The segment of every customer (index into `segments`) and how the number was chosen.

    `stability` is the mean adjusted Rand index of the chosen number over bootstrap samples, NaN
    when all customers stay together; `tried` holds it for every number of segments looked at.
    """

    labels: NDArray[np.intp]
    segments: tuple[NeedsSegment, ...]
    stability: float
    tried: dict[int, float]


def needs_segments(behaviour: Floats, generator: np.random.Generator) -> Needs:
    """Cut customers into the most stable number of segments.

    `behaviour` has a row per customer and a column per feature of FEATURES, NaN where a customer's
    is not known. A feature that is known for fewer than half of them, or the same for all, does not
    take part. Fewer than FEWEST_CUSTOMERS customers, or no stable cut, leave one segment.
    """
    standardised, used = _standardise(behaviour)
    count = len(behaviour)
    if count < FEWEST_CUSTOMERS or not used:
        return _one_segment(count, {})
    import sklearn.cluster  # noqa: F401  # before the limit, which holds for loaded libraries only
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # One thread: the order of additions, and with it every border, stays the same everywhere.
    with threadpool_limits(1):
        tried = _stabilities(_sample(standardised, CHOICE_SAMPLE, generator), generator)
        number = _most_stable(tried)
        scores = {count: stability.mean for count, stability in tried.items()}
        if number is None:
            return _one_segment(count, scores)
        model = _fit(_sample(standardised, FIT_SAMPLE, generator), number, generator)
        labels = model.predict(standardised)
    # The largest segment first; the centre decides between equals.
    sizes = np.bincount(labels, minlength=number)
    order = sorted(range(number), key=lambda label: (-sizes[label], *model.cluster_centers_[label]))
    place = np.argsort(order)
    labels = place[labels]
    return Needs(
        labels=labels,
        segments=_describe(behaviour, standardised, labels, used),
        stability=scores[number],
        tried=scores,
    )


def _one_segment(count: int, tried: dict[int, float]) -> Needs:
    description = "No stable groups of behaviour were found."
    return Needs(
        np.zeros(count, dtype=np.intp),
        (NeedsSegment(ALL_TOGETHER, description, count),),
        float("nan"),
        tried,
    )


def _standardise(behaviour: Floats) -> tuple[Floats, list[int]]:
    """Return z-scores of the features that tell customers apart; what is not known becomes 0."""
    columns, used = [], []
    for index, feature in enumerate(FEATURES):
        values = behaviour[:, index].copy()
        known = np.isfinite(values)
        if known.sum() < max(2, 0.5 * len(values)):
            continue
        if feature.is_skewed:
            values[known] = np.log1p(np.maximum(values[known], 0))
        spread = values[known].std()
        if spread < 1e-9:
            continue
        # Beyond three deviations nobody gets further away: one whale is no segment.
        scores = np.clip((values - values[known].mean()) / spread, -3, 3)
        columns.append(np.where(known, scores, 0.0))
        used.append(index)
    return (np.column_stack(columns) if columns else np.empty((len(behaviour), 0))), used


def _sample(rows: Floats, size: int, generator: np.random.Generator) -> Floats:
    if len(rows) <= size:
        return rows
    return rows[np.sort(generator.choice(len(rows), size, replace=False))]


def _fit(rows: Floats, count: int, generator: np.random.Generator):  # type: ignore[no-untyped-def]  # scikit-learn is imported when it is needed
    from sklearn.cluster import KMeans

    seed = int(generator.integers(2**31))
    return KMeans(n_clusters=count, n_init=10, random_state=seed).fit(rows)


@dataclass(frozen=True)
class _Stability:
    """Adjusted Rand index over bootstrap samples, its standard error, the smallest share."""

    mean: float
    error: float
    smallest: float


def _stabilities(rows: Floats, generator: np.random.Generator) -> dict[int, _Stability]:
    """Return how far each number of segments comes out the same again (Hubert & Arabie 1985)."""
    from sklearn.metrics import adjusted_rand_score

    found = {}
    distinct = len(np.unique(rows, axis=0))
    for count in range(SMALLEST_COUNT, min(LARGEST_COUNT, distinct) + 1):
        reference = _fit(rows, count, generator).labels_
        agreement = []
        for _ in range(BOOTSTRAPS):
            drawn = rows[generator.integers(len(rows), size=len(rows))]
            agreement.append(
                adjusted_rand_score(reference, _fit(drawn, count, generator).predict(rows))
            )
        found[count] = _Stability(
            float(np.mean(agreement)),
            float(np.std(agreement, ddof=1) / np.sqrt(BOOTSTRAPS)),
            float(np.bincount(reference, minlength=count).min() / len(rows)),
        )
    return found


def _most_stable(tried: dict[int, _Stability]) -> int | None:
    """Return the largest number within one standard error of the most stable; None if none is."""
    usable = {
        number: stability
        for number, stability in tried.items()
        if stability.mean >= STABLE and stability.smallest >= SMALLEST_SHARE
    }
    if not usable:
        return None
    best = max(usable.values(), key=lambda stability: stability.mean)
    return max(n for n, stability in usable.items() if stability.mean >= best.mean - best.error)


def _describe(
    behaviour: Floats, standardised: Floats, labels: NDArray[np.intp], used: Sequence[int]
) -> tuple[NeedsSegment, ...]:
    """Name every segment by what sets it apart most; no two get one name."""
    segments: list[NeedsSegment] = []
    for label in range(labels.max() + 1):
        members = labels == label
        centre = standardised[members].mean(axis=0)
        ranked = sorted(range(len(used)), key=lambda i: (-abs(round(centre[i], 9)), i))
        telling = [i for i in ranked if abs(centre[i]) >= DISTINGUISHING][:3]
        titles = [
            FEATURES[used[i]].title_high if centre[i] > 0 else FEATURES[used[i]].title_low
            for i in ranked
        ]
        taken = {segment.name for segment in segments}
        candidates = (
            ["Mainstream"]
            if not telling
            else [", ".join(titles[: n + 1]) for n in range(len(used))]
        )
        name = next(
            (name for name in candidates if name not in taken), f"{candidates[-1]} {label + 1}"
        )
        phrases = [
            _phrase(FEATURES[used[i]], behaviour[:, used[i]], members, centre[i] > 0)
            for i in telling
        ]
        text = "; ".join(phrases) if phrases else "close to the average of all customers"
        segments.append(NeedsSegment(name, f"{text[0].upper()}{text[1:]}.", int(members.sum())))
    return tuple(segments)


def _phrase(feature: Feature, values: Floats, members: NDArray[np.bool_], is_high: bool) -> str:
    """Say the trait with its mean here and over all; of a small share the rest is the trait."""
    own, everybody = np.nanmean(values[members]), np.nanmean(values)
    if feature.is_share and not is_high:
        own, everybody = 1 - own, 1 - everybody
    shown = [
        f"{100 * value:.0f} %" if feature.is_share else f"{value:.3g}" for value in (own, everybody)
    ]
    return f"{feature.high if is_high else feature.low} ({shown[0]} {feature.unit}, all {shown[1]})"
