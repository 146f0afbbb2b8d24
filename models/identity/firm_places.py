"""Names of firms that say more than the name: departments before it, its place behind it.

Belongs here: taking `Dept. of Physics, Duke University, Durham, NC 27708, USA` apart. Does not:
names in one spelling (`names`), what is a place (`places`), addresses (`addresses`).
"""

import html
import re
from typing import NamedTuple

from models.identity.legal_forms import LEGAL_FORMS
from models.identity.places import american_states, countries, place_name, regions, towns

_COMMA = re.compile("[,;]")
_MAILBOX = re.compile(r"\be-?mail\b.*|\S+@\S+", re.IGNORECASE)
# What a part of a firm is called, in a text that names the firm after a comma.
_DEPARTMENT = re.compile(
    r"(the )?(dep(t|artment|artement|artamento)|div(ision)?|school|faculty|faculte|facultad|"
    r"fakultat|fachbereich|lehrstuhl|college of|computer sciences?|chair)\b"
)
# What only names a whole.
_WHOLE = re.compile(r"\b(univ|universi\w+|institute of technology|polytechnic\w*|academy)\b")
_OF_A_STATE = re.compile(r"(?:the )?univ(?:ersity)? of (.+)")


class FirmAndPlace(NamedTuple):
    """A name as it is written, and the town behind it; None if none is told."""

    name: str
    town: str | None


def firm_and_place(text: str) -> FirmAndPlace:
    """Take a text with commas apart: `Siemens AG, Munich` is Siemens AG in Munich.

    What stands behind the name is a place where it is a town, followed by a country or a state, or
    behind a legal form or a university. Else the text is the name: `Skadden, Arps, Slate`,
    `Acme, Inc.`, `Motor, Ford`, `Acme, Germany`, which may be a sister of `Acme, France`. A
    university has one country. A department is left out when the text goes on with who it is of.
    Source of places: `phonenumbers`.
    """
    spelt = _parts(_MAILBOX.sub("", html.unescape(text))) if _COMMA.search(text) else []
    if len(spelt) < 2:
        return _without_campus(text)
    if not _may_be_followed(spelt):
        return FirmAndPlace(text, None)
    end = _end_of_name(spelt)
    whole = [
        position
        for position, (_, words) in enumerate(spelt[:end])
        if _WHOLE.search(words) and not _DEPARTMENT.match(words)
    ]
    start = whole[-1] + 1 if whole else end
    town = next((words for _, words in spelt[start:] if words in towns()), None)
    if whole:
        name, campus = _without_campus(spelt[start - 1][0])
        return FirmAndPlace(name, campus or town)
    named = spelt[:end]
    if end > 1 and _DEPARTMENT.match(spelt[0][1]):
        # Without a town, the country tells it from its sisters.
        named = spelt[end - 1 : end] if town else spelt[end - 1 :]
    elif town is None:
        return FirmAndPlace(text, None)
    return FirmAndPlace(", ".join(part for part, _ in named), town)


def _may_be_followed(parts: list[tuple[str, str]]) -> bool:
    """Return whether it is worth the third of a second that reading all places takes."""
    name, last = parts[0][1], parts[-1][1]
    return bool(
        _ends_in_a_legal_form(name)
        or any(_WHOLE.search(words) for _, words in parts)
        or _DEPARTMENT.match(name)
        or len(last) in (0, 2)  # a postal code, a code of a state
        or last in countries()
    )


def _parts(text: str) -> list[tuple[str, str]]:
    """Return what commas part, as it is written and spelt; `Acme, Inc.` is one part."""
    parts: list[tuple[str, str]] = []
    for part in _COMMA.split(text):
        spelt = place_name(part)
        if parts and spelt and LEGAL_FORMS.issuperset(spelt.split()):
            whole = f"{parts.pop()[0]}, {part.strip()}"
            parts.append((whole, place_name(whole)))
        elif spelt or re.search(r"\d", part):
            parts.append((part.strip(), spelt))
    return parts


def _without_campus(text: str) -> FirmAndPlace:
    """Return the university of a state and its town: University of California at Davis."""
    is_university = text.lower().startswith(("univ", "the univ"))
    found = _OF_A_STATE.fullmatch(place_name(text)) if is_university else None
    words = found[1].split() if found else []
    for count in range(1, len(words)):
        state, town = " ".join(words[:count]), words[count:]
        town = " ".join(town[1:] if town[0] == "at" else town)
        if state in american_states() and town in towns():
            return FirmAndPlace(f"University of {state}", town)
    return FirmAndPlace(text, None)


def _end_of_name(parts: list[tuple[str, str]]) -> int:
    """Return how many of the parts are no place."""
    end = len(parts)
    while end > 1 and (not parts[end - 1][1] or parts[end - 1][1] in regions()):
        end -= 1
    name = parts[0][1]
    if end == len(parts) and not (_ends_in_a_legal_form(name) or _WHOLE.search(name)):
        return end
    while end > 1 and (parts[end - 1][1] in towns() or parts[end - 1][1] in regions()):
        end -= 1
    # The street before the town.
    while 1 < end < len(parts) and re.search(r"\d", parts[end - 1][0]):
        end -= 1
    return end


def _ends_in_a_legal_form(name: str) -> bool:
    words = name.split()
    return len(words) > 1 and words[-1] in LEGAL_FORMS
