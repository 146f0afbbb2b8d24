"""Which words are names of towns, states and countries.

Belongs here: looking a name up. Does not: finding places in names of firms (`firm_places`) or in
addresses (`addresses`). Source: `phonenumbers`.
"""

import re
from functools import cache

from text_unidecode import unidecode  # type: ignore[import-untyped]  # carries no types

from models.identity.legal_forms import with_letters_joined, without_dots

_NUMBERS = re.compile(r"\S*\d\S*")
_NOT_A_LETTER = re.compile("[^a-z]+")


def place_name(text: str) -> str:
    """Return the words without numbers, in lower-case Latin letters."""
    plain = unidecode(_NUMBERS.sub(" ", without_dots(text))).lower()
    return with_letters_joined(_NOT_A_LETTER.sub(" ", plain).strip())


@cache
def countries() -> frozenset[str]:
    """Return countries in many languages, and their codes."""
    from phonenumbers.geodata.locale import LOCALE_DATA

    names = {place_name(name) for names in LOCALE_DATA.values() for name in names.values()}
    codes = {code.lower() for code in LOCALE_DATA if len(code) == 2}
    return frozenset((names | codes | {"usa", "uk"}) - {""})


@cache
def regions() -> frozenset[str]:
    """Return countries and the states of North America."""
    return countries() | american_states()


@cache
def towns() -> frozenset[str]:
    """Return towns of the world that have an area code, in Latin letters."""
    return frozenset(
        {place_name(part) for text in _places() for part in text.split(", ")[:1]} - {""}
    )


@cache
def american_states() -> frozenset[str]:
    """Return states and provinces of North America, and their codes."""
    codes = {text[-2:].lower() for text in _places() if text[-4:-2] == ", "}
    return frozenset(
        codes | {place_name(text) for text in _places(american=True) if ", " not in text}
    )


@cache
def _places(american: bool = False) -> frozenset[str]:
    """Return names of places in Latin script: Munich, Jersey City, NJ."""
    # Imported where a place may follow a name: it takes a third of a second.
    from phonenumbers.geodata import GEOCODE_DATA

    return frozenset(
        text
        for prefix, texts in GEOCODE_DATA.items()
        if prefix.startswith("1") or not american
        for text in texts.values()
        if text < "\u0250"
    )
