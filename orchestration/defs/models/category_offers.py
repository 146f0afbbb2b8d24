"""Statistics: which category to offer next (`models/segments/offers.py`)."""

import dagster as dg
import duckdb

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step

SEPARATOR = "\x1f"  # as int_offers__category_sets joins categories


def category_affinities(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """One row per set of owned categories and rank: what to offer; and how often offers hit."""
    import pandas as pd

    from models.segments.offers import next_best_offers

    rows = con.execute(
        "select categories_before_last_order, categories_of_last_order, categories_owned, count(*) "
        "from intermediate.int_offers__category_sets group by all order by all"
    ).fetchall()
    excluded = set(company.offers.excluded_categories)
    split = [
        (*(tuple(c for c in (text or "").split(SEPARATOR) if c) for text in texts), count)
        for *texts, count in rows
    ]
    # In alphabetical order: of equals the first is offered.
    names = sorted({category for _, _, owned, _ in split for category in owned} - excluded)
    index = {name: number for number, name in enumerate(names)}
    sets = [
        (*(tuple(index[c] for c in categories if c in index) for categories in texts), count)
        for *texts, count in split
    ]
    found = next_best_offers(sets, len(names), company.offers.prior_customers)
    by_set: dict[tuple[int, ...], list[str]] = {}
    for (_, _, text, _), (_, _, owned, _) in zip(rows, sets, strict=True):
        by_set.setdefault(owned, []).append(text)
    offers = pd.DataFrame(
        [
            (
                text,
                offer.rank,
                names[offer.category],
                None if offer.basis is None else names[offer.basis],
                found.method,
                offer.score,
                offer.support,
                offer.confidence,
                offer.lift,
                offer.popularity,
            )
            for offer in found.offers
            for text in sorted(set(by_set[offer.owned]))
        ],
        columns=[
            "categories_owned", "offer_rank", "offered_category", "based_on_category", "method",
            "score", "count_support", "confidence", "lift", "popularity",
        ],
    )  # fmt: skip
    evaluation = pd.DataFrame(
        [
            (tried.method, tried.method == found.method, tried.count_customers, tried.count_hits)
            for tried in found.evaluations
        ],
        columns=["method", "is_used", "count_customers", "count_hits"],
    )
    return Statistics(
        {"category_offers": offers, "offer_evaluation": evaluation},
        {"method": found.method, "categories": len(names)},
    )


@dg.definitions
def category_offers() -> dg.Definitions:
    """Rank categories for every set of owned ones."""
    return statistics_step(
        category_affinities,
        tables=["category_offers", "offer_evaluation"],
        reads=["int_offers__category_sets"],
        kinds={"python", "scipy"},
    )
