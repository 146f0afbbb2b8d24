"""What becomes of complainers: recovered and unrecovered against each other and against others.

Belongs here: which groups are compared, and within which classes. Does not: the matched difference
and its interval, who complained and what they did before and after (the dbt model
`int_service__recovery_candidates`).

Customers who complain differ from others before they complain: they buy more, and so have more to
complain about. Orders are therefore compared within strata of customers alike in what they had
spent and how long and how often they had bought, averaged over the compared group. What the strata
do not hold is not removed: the numbers say what followed, not all that recovery caused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.matched import Floats, Ints, matched_difference

GROUPS = ("recovered", "unrecovered", "never_complained")
CONTRASTS = (
    ("recovered", "never_complained"),
    ("unrecovered", "never_complained"),
    ("recovered", "unrecovered"),
)


@dataclass(frozen=True)
class Comparison:
    """One outcome of two groups of customers alike in the strata.

    Counts are orders of matched customers; of the compared groups everybody has one. Means and
    effect (`mean_compared - mean_reference`) are those of the matched, references weighted to the
    strata of the compared; NaN where none are matched.
    """

    outcome: str
    compared_group: str
    reference_group: str
    count_matched: int
    count_reference: int
    count_strata: int
    mean_compared: float
    mean_reference: float
    effect: float
    ci_low: float
    ci_high: float

    @property
    def is_significant(self) -> bool:
        """Tell whether the 95 % interval leaves out zero."""
        return self.ci_low > 0 or self.ci_high < 0


def strata(spend_before: Floats, count_purchases: Ints, tenure_days: Ints) -> Ints:
    """Give each customer the number of the class within which customers are compared.

    Quintile of spend before (ties kept together, over all candidates); first, second, third or
    fourth, fifth to eighth or a later purchase; and whether the first is more than a year ago.
    """
    if not spend_before.size:
        return np.empty(0, dtype=np.int64)
    ordered = np.sort(spend_before)
    quintile = 5 * np.searchsorted(ordered, spend_before, side="left") // spend_before.size
    purchases = np.searchsorted([2, 3, 5, 9], count_purchases, side="right")
    return ((quintile * 5 + purchases) * 2 + (tenure_days > 365)).astype(np.int64)


def compare_recovery(
    group: Sequence[str], stratum: Ints, customer: Ints, outcomes: Mapping[str, Floats]
) -> list[Comparison]:
    """Compare every pair of CONTRASTS by every outcome; NaN in an outcome is not observed.

    One entry per order; `customer` numbers the customers, whose orders are not independent.
    """
    members = np.asarray(group, dtype=object)
    found = []
    for name, values in outcomes.items():
        is_observed = ~np.isnan(values)
        for compared, reference in CONTRASTS:
            chosen = is_observed & np.isin(members, [compared, reference])
            difference = matched_difference(
                values[chosen],
                stratum=stratum[chosen],
                customer=customer[chosen],
                is_compared=members[chosen] == compared,
            )
            found.append(Comparison(name, compared, reference, *vars(difference).values()))
    return found
