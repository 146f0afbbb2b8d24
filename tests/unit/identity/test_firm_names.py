"""Two names of firms that mean one firm although they are written otherwise."""

import itertools

import pandas as pd
import pytest

from models.identity.firm_names import (
    INITIALS,
    LONGER,
    MISPRINT,
    ONE_LETTER,
    OTHER_ORDER,
    OTHER_SPACES,
    SHORTENED,
    alike_names,
)


def likeness(*names: str) -> str | None:
    """Return how the first two names are alike; the others are there, too."""
    found = alike_names(pd.DataFrame({"name": names, "is_asked": True}))
    one, other = sorted(names[:2])
    of_both = (found["name_a"] == one) & (found["name_b"] == other)
    return next(iter(found.loc[of_both, "likeness"]), None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("ford motor", "motor ford", OTHER_ORDER),
        ("exxon mobil", "exxonmobil", OTHER_SPACES),
        ("granite construction", "granite constrution", MISPRINT),
        ("granite construction", "granite constructoin", MISPRINT),
        ("granite lodging", "gr4nite lodging", MISPRINT),
        ("halozyme", "halozymme", MISPRINT),
        ("halozyme therapeutics", "halozyme thera", SHORTENED),
        ("zhibao technology", "zhibao technologies", SHORTENED),
        ("bridgewater pharmaceuticals", "bridgewater phrm", SHORTENED),
        # Names of one word are coined, and one letter apart from others.
        ("semtech", "stemtech", ONE_LETTER),
        # A first letter is seldom misread.
        ("mogotes metals", "logotes metals", ONE_LETTER),
        ("fedex", "fedex freight", LONGER),
        ("ibm", "international business machines", INITIALS),
        ("abi", "association of british insurers", INITIALS),
        # One of a series.
        ("gigcapital7", "gigcapital8", None),
        ("hennessy investment vii", "hennessy investment viii", None),
        ("berto acquisition", "berto acquisition ii", None),
        # What is short is misread from another word as easily as it is another word.
        ("home bancorp", "hope bancorp", None),
        ("ten holdings", "tenable holdings", None),
        ("granite construction", "granite consulting", None),
    ],
)
def test_names_mean_one_firm(one: str, other: str, expected: str | None) -> None:
    assert likeness(one, other) == expected


def test_a_word_that_other_names_hold_is_no_misprint() -> None:
    assert likeness("hansen steel", "hanson steel") == MISPRINT
    others = ("hansen foods", "hanson foods")
    assert likeness("hansen steel", "hanson steel", *others) == ONE_LETTER


def test_only_pairs_with_a_name_that_is_asked_for_come_back() -> None:
    names = ["ford motor", "motor ford", "exxon mobil", "exxonmobil", "halozyme", "halozymme"]
    for asked in (*names, None):
        found = alike_names(pd.DataFrame({"name": names, "is_asked": [n == asked for n in names]}))
        assert len(found) == (asked is not None)
        assert all(asked in pair for pair in zip(found["name_a"], found["name_b"], strict=True))


def test_the_order_of_names_says_nothing() -> None:
    names = ["ford motor", "motor ford", "fordmotor", "ford motors", "ford motor credit"]
    found = [
        alike_names(pd.DataFrame({"name": order, "is_asked": True})).to_csv()
        for order in itertools.permutations(names)
    ]
    assert len(set(found)) == 1
