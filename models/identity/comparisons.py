"""What of two records is compared, and which pairs may not be joined whatever the scores say.

Belongs here: the levels at which attributes of people and of organisations agree, the reasons to
compare two records, the guards of likeness; all as SQL over a pair. Does not: training and scoring
(`matching`).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """One way in which an attribute of two records can agree; `expected` is m before training."""

    name: str
    condition: str
    expected: float
    frequency_of: str | None = None  # a rare value that agrees says more than a frequent one
    least_frequency: float = 0.0005  # a name that occurs once may be a misprint of two people's
    needs: str | None = None  # column without which the level cannot occur
    bits: float | None = None  # weight where random pairs would count what another attribute counts


@dataclass(frozen=True)
class Attribute:
    """One comparison: levels are tried in order, `needs` are the columns it is made of."""

    name: str
    needs: tuple[str, ...]
    unknown: str
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Grain:
    """People or organisations: what is compared, why, and what teaches the model."""

    name: str
    condition: str
    attributes: tuple[Attribute, ...]
    reasons: Mapping[str, str]  # two records with the same value of one of these are compared
    tight: tuple[tuple[str, ...], ...]  # columns that hardly agree by chance
    training: tuple[tuple[str, ...], ...]  # columns that agree in the pairs of one training
    least_attributes: int  # fewer tell nobody apart


def _either_null(column: str) -> str:
    return f"({column}_l is null or {column}_r is null)"


def _alike(column: str, least: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {least}"


def _misprinted(column: str, most: int) -> str:
    return f"damerau_levenshtein({column}_l, {column}_r) <= {most}"


def _holds(condition: str) -> str:
    """Return SQL that is false where the condition is unknown.

    Not `coalesce`: DuckDB skips what `and` and `or` need no more only in the condition of a case.
    """
    return f"(case when {condition} then true else false end)"


_SWAPPED = _holds(
    "(given_name_l = family_name_r and family_name_l = given_name_r)"
    " or (jaro_winkler_similarity(given_name_l, family_name_r) >= 0.88"
    " and jaro_winkler_similarity(family_name_l, given_name_r) >= 0.88)"
)
# One part copied wrongly, or made up: the year of a form's default, the first of a month.
_TWO_PARTS_OF_A_DATE = (
    "(birth_date_l[1:7] = birth_date_r[1:7] or birth_date_l[6:10] = birth_date_r[6:10] or "
    "birth_date_l[1:4] = birth_date_r[1:4] and birth_date_l[9:10] = birth_date_r[9:10])"
)
_SAME_PLACE = (  # New York is New York City
    "(postal_code_l = postal_code_r or city_l = city_r or starts_with(city_l, city_r || ' ')"
    " or starts_with(city_r, city_l || ' '))"
)
# 12 main st and 12 main st suite 5; 42 e 20th st and 42 e 20th st between park ave and broadway.
_SIMILAR_STREET = (
    f"({_alike('street', 0.88)} or starts_with(street_l, street_r || ' ')"
    " or starts_with(street_r, street_l || ' '))"
)

_ADDRESS = Attribute(
    # One comparison: street, postal code and city agree and differ together.
    "address",
    ("street", "postal_code", "city"),
    f"{_either_null('street')} and {_either_null('postal_code')} and {_either_null('city')}",
    (
        Level(
            "same street and place",
            f"street_l = street_r and {_SAME_PLACE}",
            0.40,
            needs="street",
        ),
        Level(
            "similar street, same number and place",
            f"{_SIMILAR_STREET} and house_number_l = house_number_r and {_SAME_PLACE}",
            0.20,
            needs="street",
        ),
        Level(
            "similar street, same place",
            f"{_SIMILAR_STREET} and {_SAME_PLACE}",
            0.10,
            needs="street",
        ),
        Level("similar street", _alike("street", 0.92), 0.10, needs="street"),
        Level(
            "same postal code",
            "postal_code_l = postal_code_r",
            0.05,
            frequency_of="postal_code",
            needs="postal_code",
        ),
        Level("same city", "city_l = city_r", 0.05, frequency_of="city", needs="city"),
        Level("similar city", _alike("city", 0.88), 0.03, needs="city"),
        Level("different", "ELSE", 0.07),
    ),
)
_MISPRINTED_MAILBOX = (
    "(email_domain_l = email_domain_r and mailbox_digits_l = mailbox_digits_r "
    "and least(length(email_name_l), length(email_name_r)) >= 6 "
    f"and {_misprinted('email_name', 1)})"
)
# john.smith at two providers, john.smith and john.smith2, john.495 and john.657: alike because the
# names are, and the names are counted already. A number behind the name that both carry says more.
_IS_NAMED_ALIKE = (
    "(is_mailbox_name_l and is_mailbox_name_r"
    f" or (is_mailbox_name_l or is_mailbox_name_r) and {_alike('family_name', 0.88)})"
)
_EMAIL = Attribute(
    "email",
    ("email", "work_domain"),
    f"{_either_null('email')} and coalesce(work_domain_l != work_domain_r, true) "
    "or "
    + _holds(
        f"email_name_l != email_name_r and {_alike('email_name', 0.90)} "
        f"and not {_MISPRINTED_MAILBOX} and {_IS_NAMED_ALIKE}"
    ),
    (
        Level("same", "email_l = email_r", 0.60),
        Level("misprint in the mailbox", _MISPRINTED_MAILBOX, 0.05),
        Level(
            "same way to write the name, another provider",
            f"email_name_l = email_name_r and mailbox_digits_l = '' and {_IS_NAMED_ALIKE}",
            0.05,
            # First and last name with a dot, a dash, an underscore or nothing between them: of two
            # people of one name every fourth pair agrees.
            bits=2.0,
        ),
        Level("same mailbox at another provider", "email_name_l = email_name_r", 0.05),
        Level("similar mailbox", _alike("email_name", 0.90), 0.10),
        Level(
            "another mailbox of one firm",
            "work_domain_l = work_domain_r",
            0.05,
            "work_domain",
            needs="work_domain",
        ),
        Level("different", "ELSE", 0.15),
    ),
)
# An organisation has many mailboxes and one domain, sometimes a second one in another country.
_DOMAIN = Attribute(
    "domain",
    ("web_domain",),
    _either_null("web_domain"),
    (
        Level("same mailbox", "email_l = email_r", 0.20),
        Level("same", "web_domain_l = web_domain_r", 0.60, "web_domain"),
        Level(
            "same name, other ending",
            "split_part(web_domain_l, '.', 1) = split_part(web_domain_r, '.', 1)",
            0.05,
            # acme.com and acme.de may be one firm or two: both took the name they have.
            bits=0.0,
        ),
        Level("different", "ELSE", 0.15),
    ),
)
# 555 0187 and +1 212 555 0187.
_SAME_END_OF_PHONE = (
    "(least(length(phone_l), length(phone_r)) >= 7 and "
    "(ends_with(phone_l, phone_r) or ends_with(phone_r, phone_l)))"
)
_PHONE = Attribute(
    "phone",
    ("phone",),
    _either_null("phone"),
    (
        Level("same", "phone_l = phone_r", 0.60),
        Level("same but for the code before it", _SAME_END_OF_PHONE, 0.03),
        Level("one digit off", _misprinted("phone", 1), 0.05),
        Level("different", "ELSE", 0.35),
    ),
)
_NATIONAL_ID = Attribute(
    "national_id",
    ("national_id",),
    _either_null("national_id"),
    (
        Level("same", "national_id_l = national_id_r", 0.85),
        Level("one character off", _misprinted("national_id", 1), 0.10),
        Level("different", "ELSE", 0.05),
    ),
)

PERSON = Grain(
    name="person",
    condition="not is_organisation",
    attributes=(
        Attribute(
            "given_name",
            ("given_name",),
            _either_null("given_name"),
            (
                Level("same", "given_name_l = given_name_r", 0.70, "given_name"),
                Level("swapped with the family name", _SWAPPED, 0.02),
                Level("nickname", "list_has_any(name_forms_l, name_forms_r)", 0.05),
                Level("similar", _alike("given_name", 0.88), 0.12),
                Level(
                    "distantly similar",
                    f"{_alike('given_name', 0.75)} or (left(given_name_l, 1) = "
                    "left(given_name_r, 1) and least(length(given_name_l), "
                    "length(given_name_r)) = 1)",
                    0.04,
                ),
                Level("different", "ELSE", 0.07),
            ),
        ),
        Attribute(
            "family_name",
            ("family_name",),
            # Swapped names are counted once, with the given name.
            f"{_either_null('family_name')} or {_SWAPPED}",
            (
                Level("same", "family_name_l = family_name_r", 0.75, "family_name"),
                Level("similar", _alike("family_name", 0.88), 0.12),
                Level("distantly similar", _alike("family_name", 0.75), 0.05),
                Level("different", "ELSE", 0.08),
            ),
        ),
        Attribute(
            "birth_date",
            ("birth_date",),
            _either_null("birth_date"),
            (
                Level("same", "birth_date_l = birth_date_r", 0.85),
                Level(
                    "one digit off, or day and month swapped",
                    f"{_misprinted('birth_date', 1)} or (birth_date_l[1:4] = birth_date_r[1:4] "
                    "and birth_date_l[6:7] = birth_date_r[9:10] "
                    "and birth_date_l[9:10] = birth_date_r[6:7])",
                    0.08,
                ),
                Level("two of year, month and day agree", _TWO_PARTS_OF_A_DATE, 0.02),
                Level("two digits off", _misprinted("birth_date", 2), 0.01),
                Level("different", "ELSE", 0.04),
            ),
        ),
        _EMAIL,
        _PHONE,
        _ADDRESS,
        _NATIONAL_ID,
    ),
    reasons={
        "email": "email",
        "mailbox": "email_name",
        "end of the phone": "right(phone, 7)",
        "national id": "national_id",
        "names, either way round": "least(given_name, family_name) || ' ' "
        "|| greatest(given_name, family_name)",
        "birth date and family name": "birth_date || family_name",
        "birth date and given name": "birth_date || given_name",
        "birth date and place": "birth_date || coalesce(postal_code, city)",
        "birth date": "birth_date",
        "day of birth and family name": "birth_date[6:10] || family_name",
        "day of birth and given name": "birth_date[6:10] || given_name",
        "month of birth and beginning of the family name": "birth_date[1:7] || family_name[1:4]",
        "month of birth and beginning of the given name": "birth_date[1:7] || given_name[1:4]",
        "beginnings of the names, year of birth": "least(given_name[1:3], family_name[1:3]) "
        "|| greatest(given_name[1:3], family_name[1:3]) || birth_date[1:4]",
        "initials and place": "least(given_name[1:1], family_name[1:1]) "
        "|| greatest(given_name[1:1], family_name[1:1]) || coalesce(postal_code, city)",
        "address": "street || coalesce(postal_code, city)",
        "street": "street",
        "postal code and family name": "postal_code || family_name",
        "postal code and given name": "postal_code || given_name",
        "city and family name": "city || ' ' || family_name",
        "city and given name": "city || ' ' || given_name",
        "family name": "family_name",
        "given name": "given_name",
    },
    tight=(
        ("national_id",),
        ("email", "given_name"),
        ("phone", "given_name"),
        ("given_name", "family_name", "birth_date"),
        ("given_name", "family_name", "street"),
    ),
    training=(
        ("given_name", "family_name"),
        ("birth_date",),
        ("email",),
        # Most pairs of one home are families: without the given name they would pass for matches.
        ("phone", "given_name"),
        ("street", "given_name"),
        ("national_id",),
    ),
    least_attributes=2,
)

_HOLDS_WORDS = (
    "(list_has_all(name_words_l, name_words_r) or list_has_all(name_words_r, name_words_l))"
)
# Acme Eng and Acme Engineering: word for word, one is the beginning of the other.
_ABBREVIATED = (
    "(len(name_words_l) = len(name_words_r) and len(list_filter(list_zip(name_words_l, "
    "name_words_r), lambda two: starts_with(two[1], two[2]) or starts_with(two[2], two[1]))) "
    "= len(name_words_l))"
)

# GGVE and Golden Gate Vazquez Energy. Of two firms with these initials random pairs tell little.
_INITIALS = "(initials_l = organisation_name_r or initials_r = organisation_name_l)"
_INITIALS_BITS = 2.0

ORGANISATION = Grain(
    name="organisation",
    condition="is_organisation",
    attributes=(
        Attribute(
            "organisation_name",
            ("organisation_name",),
            _either_null("organisation_name"),
            (
                Level(
                    "same",
                    "organisation_name_l = organisation_name_r",
                    0.60,
                    "organisation_name",
                    least_frequency=0.00001,  # firms take care not to be called like others
                ),
                Level("similar", _alike("organisation_name", 0.92), 0.15),
                Level("abbreviated", _ABBREVIATED, 0.06),
                Level("one name begins or holds the other", _HOLDS_WORDS, 0.08),
                Level("initials of the other", _INITIALS, 0.02, bits=_INITIALS_BITS),
                Level("distantly similar", _alike("organisation_name", 0.80), 0.06),
                Level(
                    "a word in common that few have",
                    "list_has_any(telling_words_l, telling_words_r)",
                    0.03,
                    bits=0.0,
                ),
                Level("different", "ELSE", 0.05),
            ),
        ),
        _DOMAIN,
        _PHONE,
        _ADDRESS,
        _NATIONAL_ID,
    ),
    reasons={
        "email": "email",
        "domain": "web_domain",
        "end of the phone": "right(phone, 7)",
        "national id": "national_id",
        "name": "organisation_name",
        "beginning of the name and place": "organisation_name[1:5] || coalesce(postal_code, city)",
        "beginning of the name": "organisation_name[1:8]",
        "first word of the name": "name_words[1]",
        "address": "street || coalesce(postal_code, city)",
        "street": "street",
        "postal code": "postal_code",
    },
    tight=(
        ("national_id",),
        ("organisation_name", "phone"),
        ("organisation_name", "street"),
        ("organisation_name", "postal_code"),
        ("web_domain", "organisation_name"),
    ),
    training=(("organisation_name",), ("phone",), ("street",), ("web_domain",), ("postal_code",)),
    least_attributes=1,  # a firm's name alone tells much
)

# People of one household agree in nearly all but the given name. Twins agree in the birth date too:
# several records that bear each of the two names tell them; a single one may be a misprint. Names
# of siblings may be alike (Dylan, Declan), their birth dates are not.
HOUSEHOLD = """
    a.given_name is not null and b.given_name is not null
    and a.given_name != coalesce(b.family_name, '') and b.given_name != coalesce(a.family_name, '')
    and not list_has_any(a.name_forms, b.name_forms)
    and least(length(a.given_name), length(b.given_name)) > 1
    and (jaro_winkler_similarity(a.given_name, b.given_name) < 0.75
         and (a.birth_date is null or b.birth_date is null
              or damerau_levenshtein(a.birth_date, b.birth_date) > 1
              or {are_twins})
         or jaro_winkler_similarity(a.given_name, b.given_name) < 0.88
         and damerau_levenshtein(a.birth_date, b.birth_date) > 2
         and (a.phone = b.phone or jaro_winkler_similarity(a.street, b.street) >= 0.88))
    and (a.national_id is null or b.national_id is null or a.national_id != b.national_id)
"""

# Father and son of one name live together, too, or near each other. Where the birth dates are a
# generation apart and further than two misprints, more than name and home must speak for the pair.
NAMESAKES = """
    damerau_levenshtein(a.birth_date, b.birth_date) > 2
    and abs(cast(a.birth_date[1:4] as integer) - cast(b.birth_date[1:4] as integer)) >= 15
    and (a.phone = b.phone or jaro_winkler_similarity(a.street, b.street) >= 0.88
         or (a.street is null or b.street is null) and a.postal_code = b.postal_code)
    and coalesce(a.national_id != b.national_id, true)
    and not coalesce(
        (a.email = b.email
         or (jaro_winkler_similarity(a.email_name, b.email_name) >= 0.9
             and (a.given_name != b.given_name or a.family_name != b.family_name)))
        and coalesce(jaro_winkler_similarity(a.given_name, b.given_name) >= 0.9
                     or list_has_any(a.name_forms, b.name_forms), true),
        false)
"""

# Father and son say so: John Smith Sr. and Jr.
GENERATIONS_DIFFER = (
    "a.generation != b.generation and coalesce(a.national_id != b.national_id, true)"
)

# Two people of one name, in one city even, are nothing rare: something else must agree.
NAMES_ONLY = """
    not coalesce(a.street = b.street or jaro_winkler_similarity(a.street, b.street) >= 0.88, false)
    and not coalesce(a.postal_code = b.postal_code, false)
    and not coalesce(a.phone = b.phone, false)
"""
# Each has a mailbox, or a phone, of their own.
REACHED_ELSEWHERE = "coalesce(a.email != b.email, false) or coalesce(a.phone != b.phone, false)"
SAYS_MORE = (
    "(coalesce({0}.email, {0}.phone, {0}.birth_date, {0}.street, {0}.postal_code, {0}.national_id)"
    " is not null)"
)
BEYOND_NAMES = ("birth_date", "email", "national_id")

# What this refuses, no third record brings together. Of the other guards it would be too much: who
# is called by a second name, or whose name is misread, is held apart from a record or two of their
# own, and would fall to pieces (decision 0057).
TWO_PEOPLE = ("birth_dates_differ", "generations_differ")

# Firms in one building, on one switchboard: a place and a phone are not a name.
TENANTS = """
    jaro_winkler_similarity(a.organisation_name, b.organisation_name) < 0.80
    and not list_has_all(a.name_words, b.name_words)
    and not list_has_all(b.name_words, a.name_words)
    and not coalesce(list_has_any(a.telling_words, b.telling_words), false)
    and not coalesce(a.initials = b.organisation_name or b.initials = a.organisation_name, false)
    and coalesce(a.national_id != b.national_id, true)
"""

# Day Care North and Day Care East, School 12 and School 14, Fund II and Fund III.
OF_A_SERIES = """
    len(a.series_words) > 0 and len(b.series_words) > 0
    and not list_has_all(a.series_words, b.series_words)
    and not list_has_all(b.series_words, a.series_words)
    and coalesce(a.national_id != b.national_id, true)
"""
