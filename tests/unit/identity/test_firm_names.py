"""Two names of firms that mean one firm although they are written otherwise."""

import itertools

import pandas as pd
import pytest

from models.identity.firm_names import (
    INITIALS,
    LETTERS,
    LONGER,
    MISPRINT,
    OTHER_ORDER,
    OTHER_SPACES,
    PERHAPS_SHORTENED,
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
        ("vermilion", "vermillion", MISPRINT),
        ("halozyme therapeutics", "halozyme thera", SHORTENED),
        ("zhibao technology", "zhibao technologies", SHORTENED),
        ("bridgewater pharmaceuticals", "bridgewater phrm", SHORTENED),
        # Names of one word are coined, and one letter apart from others.
        ("semtech", "stemtech", LETTERS),
        # A first letter is seldom misread.
        ("mogotes metals", "logotes metals", LETTERS),
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
    assert likeness("hansen steel", "hanson steel", *others) == LETTERS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("koninklijke philips electronics", "koninlijke phillips electroncis"),
        ("koninklijke philips electronics", "koninkijlke philips electronics"),
    ],
)
def test_several_letters_are_misprinted_in_long_names(one: str, other: str) -> None:
    assert likeness(one, other) == MISPRINT


def test_a_word_that_is_mostly_found_beside_a_better_one_is_a_misprint() -> None:
    firms = ("dsm", "ahold", "kpn", "boskalis", "vopak", "wessanen")
    names = [f"koninklijke {firm}" for firm in firms]
    of_dsm = ("koninklijke dsm", "koninlijke dsm")
    assert likeness(*of_dsm, *names[1:], "koninlijke ahold") == MISPRINT
    # As often on its own: a word like another.
    assert likeness(*of_dsm, *names[1:], "koninlijke landmacht") == LETTERS
    # As frequent as the other.
    assert likeness(*of_dsm, "koninklijke ahold", "koninlijke ahold") == LETTERS


def test_what_tells_the_names_of_a_series_apart_is_no_misprint() -> None:
    assert likeness("nextera energy", "nexera energy") == MISPRINT
    assert likeness("nextera energy", "nexera energy", "duke energy", "xcel energy") == LETTERS
    assert (
        likeness("bank of gliwicach", "bank of gilowicach", "bank of poznan", "bank of ruda")
        == LETTERS
    )
    long = ("vermillion energy", "vermilion energy", "duke energy", "xcel energy")
    assert likeness(*long) == MISPRINT


def test_what_tells_the_names_of_a_series_apart_is_not_written_short() -> None:
    one, other = "raiffeisenbank bern", "raiffeisenbank bernhardzell"
    assert likeness(one, other) == SHORTENED
    assert likeness(one, other, "raiffeisenbank thun", "raiffeisenbank chur") == PERHAPS_SHORTENED
    assert (
        likeness("zhibao technology", "zhibao technologies", "zhibao capital", "zhibao re")
        == SHORTENED
    )


def test_a_name_is_asked_about_after_the_longest_that_begins_it() -> None:
    names = ["acme", "acme paris", "acme paris nord"]
    found = alike_names(pd.DataFrame({"name": names, "is_asked": True}))
    assert list(zip(found["name_a"], found["name_b"], strict=True)) == [
        ("acme", "acme paris"),
        ("acme paris", "acme paris nord"),
    ]


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
