"""What two records of one home say: among families the same address and name prove little.

Belongs here: the weight of pairs of one home, learnt from all of them. Does not: the model of all
pairs (`matching`), pairs that are refused whatever they score (`comparisons`).

The model takes address and family name for independent, and both for rare among two people. In a
home they agree whoever is compared. So pairs of one home are judged a second time, among
themselves: by how often such a pair is one person, and by the attributes that are a person's own.
"""

from collections.abc import Mapping, Sequence
from math import log2

from models.identity.comparisons import Attribute
from models.identity.patterns import level_of

PERSONAL = ("given_name", "family_name", "birth_date", "email", "national_id")
# Levels that mean one home.
_HOME = {
    "address": (
        "same street and place",
        "similar street, same number and place",
        "similar street, same place",
    ),
    "phone": ("same",),
}
_ALIKE = ("same", "similar", "nickname", "swapped with the family name")
_BORN_ALIKE = ("same", "one digit off, or day and month swapped")
# Of two people of one home every fiftieth pair are twins, or was given the other's birth date.
_TWINS = 0.02
_LEAST_APART = 20  # pairs of two people; fewer teach nothing
_PRIOR_PAIRS = 20.0  # of two people, that the u of all pairs counts for


def weigh_homes(
    counts: Mapping[int, int],
    attributes: Sequence[Attribute],
    parameters: Mapping[tuple[str, str], tuple[float, float]],
) -> dict[int, float]:
    """Return, by pattern, the bits that speak for one person among pairs of one home.

    `counts`: pairs by pattern; `parameters`: m and u of the model by attribute and level. Patterns
    of two homes are left out; nothing comes back where homes hold too few people to learn from.

    One person are pairs whose names are alike, two those of other given names and birth dates:
    their numbers are the odds. What two people of a home share (the family name, a mailbox, an id
    written for the other) is counted among the latter.
    """
    shown = {pattern: _levels(pattern, attributes) for pattern in counts}
    homes = {pattern: levels for pattern, levels in shown.items() if _is_one_home(levels)}
    one = sum(
        counts[p]
        for p, levels in homes.items()
        if levels.get("given_name") in _ALIKE and levels.get("family_name") in _ALIKE
    )
    apart = {
        pattern: counts[pattern]
        for pattern, levels in homes.items()
        if levels.get("given_name") == "different" and levels.get("birth_date") not in _BORN_ALIKE
    }
    two = sum(apart.values())
    if two < _LEAST_APART:
        return {}
    weights: dict[tuple[str, str], float] = {}
    for attribute in attributes:
        if attribute.name not in PERSONAL:
            continue
        stated = sum(n for p, n in apart.items() if attribute.name in homes[p])
        for level in attribute.levels:
            m, u = parameters[(attribute.name, level.name)]
            if attribute.name == "birth_date" and level.name in _BORN_ALIKE:
                u = max(u, _TWINS)
            elif attribute.name in ("family_name", "email", "national_id"):
                agreed = sum(
                    n for p, n in apart.items() if homes[p].get(attribute.name) == level.name
                )
                u = (agreed + _PRIOR_PAIRS * u) / (stated + _PRIOR_PAIRS)
            weights[(attribute.name, level.name)] = log2(m / u)
    odds = log2((one + 1) / two)
    return {
        pattern: odds + sum(weights.get(shown_level, 0.0) for shown_level in levels.items())
        for pattern, levels in homes.items()
    }


def _levels(pattern: int, attributes: Sequence[Attribute]) -> dict[str, str]:
    """Return the level at which each attribute agrees, of those that both records state."""
    return {
        attribute.name: attribute.levels[level - 1].name
        for at, attribute in enumerate(attributes)
        if (level := level_of(pattern, at))
    }


def _is_one_home(levels: Mapping[str, str]) -> bool:
    return any(levels.get(attribute) in names for attribute, names in _HOME.items())
