"""Next best offers: the categories that customers like this one own and this one does not.

Belongs here: affinities between categories, ranking categories for a set of owned ones, measuring
that against popularity on held-out orders. Does not: reading orders (`int_offers__category_sets`),
joining offers to customers (the marts).

Everything is counted over customers, not over orders: two categories belong together when the same
people buy both. Customers with equal sets get equal offers, so all is done once per distinct set.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
# Category indices owned before the last order, bought in it, owned in all; number of customers.
# The first two are empty for customers with a single purchase day.
Sets = Sequence[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]]

OFFERS = 3
AFFINITY, POPULARITY = "affinity", "popularity"


@dataclass(frozen=True)
class Affinities:
    """Customers who own a category (diagonal) or a pair (elsewhere), and all customers counted."""

    owners: Counts
    count_customers: int

    @property
    def popularity(self) -> Floats:
        """Share of customers who own each category."""
        return self.owners.diagonal() / max(self.count_customers, 1)

    def confidence(self, prior_customers: float) -> Floats:
        """Return P(owns column | owns row) (Agrawal, Imielinski & Swami 1993), shrunk.

        As if `prior_customers` more owned the row and bought as everybody does: what few customers
        say stays close to the popularity. The diagonal is 0: no category recommends itself.
        """
        own = self.owners.diagonal()[:, None]
        shares = (self.owners + prior_customers * self.popularity) / (own + prior_customers)
        np.fill_diagonal(shares, 0.0)
        return np.asarray(shares, dtype=np.float64)


@dataclass(frozen=True)
class Offer:
    """One category to offer to the owners of one set, and the owned category that speaks for it.

    `support` counts the customers who own both, `confidence` and `lift` are as counted. `basis` is
    None where no owned category makes it likelier: then it is offered because it is popular.
    """

    owned: tuple[int, ...]
    rank: int
    category: int
    basis: int | None
    score: float
    support: int
    confidence: float
    lift: float
    popularity: float


@dataclass(frozen=True)
class Evaluation:
    """How often one of the offers was in the last order, among those who took something new."""

    method: str
    count_customers: int
    count_hits: int


@dataclass(frozen=True)
class Offers:
    """Offers of every set of owned categories, by the method that hit more held-out orders."""

    offers: tuple[Offer, ...]
    method: str
    evaluations: tuple[Evaluation, ...]


def next_best_offers(sets: Sets, count_categories: int, prior_customers: float) -> Offers:
    """Rank for every set of owned categories the others, by what wins on held-out last orders.

    Held out: the last order of every customer who bought on at least two days. Affinities learned
    from what everybody owned before predict it; a customer counts when the last order holds a
    category that is new to him, because only new categories are offered. Affinity is used only when
    it hits more often than popularity; on a tie the simpler popularity is.
    """
    held_out = [(before, last, n) for before, last, _, n in sets if before]
    before_last = [(before or owned, n) for before, _, owned, n in sets]
    evaluations = tuple(
        _evaluate(held_out, before_last, count_categories, prior_customers, method)
        for method in (AFFINITY, POPULARITY)
    )
    affinity, popularity = evaluations
    method = AFFINITY if affinity.count_hits > popularity.count_hits else POPULARITY
    affinities = _count([(owned, n) for _, _, owned, n in sets], count_categories)
    # Who owns nothing that may be offered tells nothing about what to offer.
    distinct = sorted({owned for _, _, owned, _ in sets if owned})
    return Offers(
        tuple(_offers(distinct, affinities, prior_customers, method)), method, evaluations
    )


def _ownership(sets: Sequence[tuple[int, ...]], count_categories: int) -> sparse.csr_matrix:
    rows = np.repeat(np.arange(len(sets)), [len(owned) for owned in sets])
    columns = np.array([category for owned in sets for category in owned], dtype=np.int64)
    values = np.ones(len(columns), dtype=np.int64)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(sets), count_categories))


def _count(sets: Sequence[tuple[tuple[int, ...], int]], count_categories: int) -> Affinities:
    matrix = _ownership([owned for owned, _ in sets], count_categories)
    weights = np.array([n for _, n in sets], dtype=np.int64)
    owners = (matrix.T @ matrix.multiply(weights[:, None])).toarray()
    return Affinities(np.asarray(owners, dtype=np.int64), int(weights.sum()))


def _scores(
    sets: Sequence[tuple[int, ...]], affinities: Affinities, prior_customers: float, method: str
) -> Floats:
    """Return a score per set and category; what the set holds already scores -inf."""
    ownership = _ownership(sets, affinities.owners.shape[0])
    if method == AFFINITY:
        # The mean over the owned categories: a long list must not shout down a short one.
        sums = ownership @ affinities.confidence(prior_customers)
        scores = np.asarray(sums, dtype=float) / np.maximum(ownership.sum(axis=1), 1).reshape(-1, 1)
    else:
        scores = np.tile(affinities.popularity, (len(sets), 1))
    scores = np.asarray(scores)
    scores[ownership.nonzero()] = -np.inf
    scores[:, affinities.owners.diagonal() == 0] = -np.inf
    return scores


def _best(scores: Floats) -> NDArray[np.intp]:
    """Return the best categories per row; of equals the one that comes first in the alphabet."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :OFFERS]


def _evaluate(
    held_out: Sequence[tuple[tuple[int, ...], tuple[int, ...], int]],
    before_last: Sequence[tuple[tuple[int, ...], int]],
    count_categories: int,
    prior_customers: float,
    method: str,
) -> Evaluation:
    affinities = _count(before_last, count_categories)
    tested = [(b, set(last) - set(b), n) for b, last, n in held_out if set(last) - set(b)]
    if not tested:
        return Evaluation(method, 0, 0)
    scores = _scores([before for before, _, _ in tested], affinities, prior_customers, method)
    hits = 0
    for row, (best, (_, new, n)) in enumerate(zip(_best(scores), tested, strict=True)):
        offered = {int(category) for category in best if np.isfinite(scores[row, category])}
        hits += n if offered & new else 0
    return Evaluation(method, sum(n for _, _, n in tested), hits)


def _offers(
    sets: Sequence[tuple[int, ...]], affinities: Affinities, prior_customers: float, method: str
) -> list[Offer]:
    if not sets:
        return []
    scores = _scores(sets, affinities, prior_customers, method)
    confidence = affinities.confidence(prior_customers)
    own = affinities.owners.diagonal()
    found = []
    for row, best in enumerate(_best(scores)):
        owned = sets[row]
        for rank, category in enumerate(map(int, best), 1):
            if not np.isfinite(scores[row, category]):
                continue
            # The owned category that speaks loudest for it, first in the alphabet among equals.
            basis = max(owned, key=lambda a: (confidence[a, category], -a))
            share = affinities.owners[basis, category] / own[basis]
            is_likelier = confidence[basis, category] > affinities.popularity[category]
            found.append(
                Offer(
                    owned=owned,
                    rank=rank,
                    category=category,
                    basis=basis if method == AFFINITY and is_likelier else None,
                    score=float(scores[row, category]),
                    support=int(affinities.owners[basis, category]),
                    confidence=float(share),
                    lift=float(share / affinities.popularity[category]),
                    popularity=float(affinities.popularity[category]),
                )
            )
    return found
