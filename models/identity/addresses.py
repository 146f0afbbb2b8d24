"""Addresses that stand in one text: street, town and postal code of it.

Belongs here: taking `705 Sheppard Ave, Toronto, ON M1S 1T4` apart. Does not: streets in one
spelling (dbt), what is a place (`places`), places in names of firms (`firm_places`).
"""

import re
from typing import NamedTuple

from models.identity.legal_forms import word_set
from models.identity.places import american_states, countries, place_name, towns

_COMMA = re.compile(r"[,;\n]")
# A building, a floor, a flat: what stands beside the street and is no town.
_UNIT = re.compile(
    r"^(apt|app?t|apartments?|flat|unit|suite|ste|room|rm|floor|fl|building|bldg?|block|blk|tower|"
    r"house|level|lot|box|po box|plaza|mall|centre|center|piso|etage|stock|north|south|east|west|"
    r"n|s|e|w|ne|nw|se|sw)\b|"
    r"\b(apartments?|building|bldg?|floor|tower|towers|plaza|mall|house|box)$"
)
# What ends the name of a street; the town follows. No word that begins one elsewhere, as via does.
_ENDS_STREET = word_set(
    "street st avenue ave av road rd drive dr lane ln boulevard blvd blv court ct place pl square "
    "sq highway hwy parkway pkwy terrace ter circle cir crescent close way trail strasse str"
)
_DIRECTIONS = word_set("n s e w ne nw se sw north south east west")
_POSTAL_CODE = (
    r"\d{4,6}|\d{5}-\d{4}|\d{3} \d{2}|\d{3}-\d{4}|\d{5}-\d{3}|\d{2}-\d{3}"
    r"|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d"
)
_CODE_FIRST = re.compile(rf"(?:[A-Z]{{1,2}}-)?({_POSTAL_CODE})\s+(\D+)", re.IGNORECASE)
_CODE_LAST = re.compile(rf"(.*?)\s*\b({_POSTAL_CODE})", re.IGNORECASE)
_MORE_STATES = word_set("act nsw nt qld sa tas vic wa dc")  # of Australia, and one that is none
# Five digits of which a scanner read one or two as letters: WA 0oo00.
_MISREAD_CODE = re.compile(r"(.*)\s((?=(?:\D*\d){3})[0-9oilszbq]{5})", re.IGNORECASE)
_LONGEST_TOWN = 3  # words


class Address(NamedTuple):
    """Parts of an address; a part that is not known is None."""

    street: str | None
    city: str | None
    postal_code: str | None


def address_parts(
    street: str | None, city: str | None = None, postal_code: str | None = None
) -> Address:
    """Take town and postal code off a street's text that goes on with them.

    `3212 W. 32nd St Palm Harbor, FL 60527` is 3212 W. 32nd St in Palm Harbor, 60527;
    `Chrysler Building, 405 Lexington Avenue` is 405 Lexington Avenue, Chrysler Building. A town or
    postal code that a column states counts; behind the street it is left out if it is the same. A
    text that says nothing of a place stays as it is. States and countries are left out where a
    town or a postal code stands with them.
    """
    parts = [part.strip() for part in _COMMA.split(street or "") if part.strip()]
    if not parts or not any(character.isdigit() for character in street or ""):
        return Address(street, city, postal_code)
    is_behind = _leave_out_country(parts)  # what stands before a place's last words is the town
    code = None
    first, last = _CODE_FIRST.fullmatch(parts[-1]), _CODE_LAST.fullmatch(parts[-1])
    misread = _MISREAD_CODE.fullmatch(parts[-1])
    if not last and misread and _state(misread[1]):
        last = misread
    if len(parts) > 1 and first and not _is_street(first[2]):
        code, parts[-1] = first.groups()
    elif last and (len(parts) > 1 or _state(last[1])):
        parts[-1], code = last.groups()
        if _state(parts[-1]):
            parts[-1] = _without_last_word(parts[-1])
    elif _state(parts[-1]).isupper():
        parts[-1] = _without_last_word(parts[-1])
        is_behind = True
    is_behind = is_behind or code is not None
    if not parts[-1]:
        parts.pop()
        if code:
            _leave_out_country(parts)
    if not parts:
        return Address(street, city, postal_code)
    town = _town(parts, is_behind, place_name(city or ""))
    if town and code and code[0].isalpha() and len(parts) > 1 and _is_town(parts[-1]):
        town = parts.pop()  # Loughborough, Leicestershire, LE11 1UU
    if (code or town) and not _is_another(town, city) and not _is_another(code, postal_code):
        return Address(_from_number(parts), city or town, postal_code or code)
    return Address(street if is_behind or town else _from_number(parts), city, postal_code)


def _leave_out_country(parts: list[str]) -> bool:
    count = len(parts)
    while len(parts) > 1 and not _has_digit(parts[-1]) and place_name(parts[-1]) in countries():
        parts.pop()
    return len(parts) < count


def _town(parts: list[str], is_behind: bool, stated: str) -> str | None:
    """Return the town that the parts end in, and leave it out of them."""
    if len(parts) > 1 and not _has_digit(parts[-1]):
        words = place_name(parts[-1])
        is_named = is_behind or words == stated or _is_town(words)
        if _UNIT.search(words) or not (
            is_named or (parts[-2][0].isdigit() and _is_street(parts[-2]))
        ):
            return None
        return parts.pop()
    written = parts[-1].split()
    for count in range(min(_LONGEST_TOWN, len(written) - 2), 0, -1):
        street, found = " ".join(written[:-count]), " ".join(written[-count:])
        is_end = " " in street and _is_street(street)
        if _has_digit(found) or not (
            is_end or (len(parts) > 1 and _has_digit(written[-count - 1]))
        ):
            continue
        words = place_name(found)
        if _is_direction(words):
            continue
        if (
            words == stated
            or _is_town(words)
            or (is_behind and not _is_direction(words.split()[0]))
        ):
            parts[-1] = street
            return found
    return None


def _is_town(words: str) -> bool:
    return place_name(words) in towns()


def _is_direction(words: str) -> bool:
    return words in _DIRECTIONS


def _from_number(parts: list[str]) -> str:
    """Return the street with its number first: Suite 900, 1450 N City Rd."""
    numbered = next((i for i, part in enumerate(parts) if part[0].isdigit()), 0)
    return ", ".join([*parts[numbered:], *parts[:numbered]])


def _is_street(text: str) -> bool:
    """Tell whether a text ends as the name of a street does: Delaware Ave SE."""
    words = place_name(text).split()
    while words and words[-1] in _DIRECTIONS:
        words.pop()
    return bool(words) and words[-1] in _ENDS_STREET


def _state(text: str) -> str:
    """Return the code of a state that a text ends in, as it is written; empty if none."""
    last = text.split()[-1] if text else ""
    code = last.lower()
    return last if len(code) < 4 and (code in _MORE_STATES or code in american_states()) else ""


def _without_last_word(text: str) -> str:
    return " ".join(text.split()[:-1])


def _is_another(found: str | None, stated: str | None) -> bool:
    return bool(found and stated) and _plain(found or "") != _plain(stated or "")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
