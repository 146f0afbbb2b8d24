"""Records that are alike although no identifier joins them: the statistical step, with Splink.

Belongs here: which records are worth comparing, the model (Fellegi & Sunter 1969), its training on
the company's own data without labels, the scores. Does not: identifiers and their guards (dbt), who
becomes one customer in the end (`clusters`).

The model weighs every attribute by how often it agrees among records of one customer (m) and
of two (u). u comes from random pairs, m from expectation maximisation in Splink. Both are rounded,
so that equal input gives equal scores to the last bit.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from splink import Linker

# Share of the customers' record pairs that the tight rules below find. Only the scale of the
# prior depends on it: .5 or .9 moves every score by less than half a bit.
RULES_RECALL = 0.7
SAMPLE_RECORDS = 500  # of random pairs for u: 125,000, in which one in fifty thousand shows
TRAINING_PAIRS = 300_000  # per training; more moves m in the third digit
LEAST_TRAINING_PAIRS = 50  # fewer train noise
PRIOR_PAIRS = 20.0  # matches that the expected m counts for, beside those that training found
LEAST_FILLED = 0.02  # share of records that must state an attribute for it to be compared
SMALLEST_BUDGET = 50_000  # pairs that every reason to compare may make, however few the records
UNSEEN = 1e-9  # u before sampling; what no random pair shows keeps it
DIGITS = 6
LEAST_PROBABILITY = 0.01  # pairs below it count for nothing when the prior is corrected
PRIOR_ITERATIONS = 20  # later ones move it by less than a thousandth of a bit


Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """What `company.yml` says of the statistical step (`identity.matching`)."""

    review_threshold: float
    minimum_records: int
    pairs_per_record: float
    seed: int


@dataclass(frozen=True)
class Matches:
    """Pairs that look like one customer, and the model that says so.

    `pairs`: record_number_a < record_number_b, match_probability, match_weight (bits), evidence
    (bits per attribute, in words), guard (why the pair must not be joined nevertheless, or None).
    `parameters`: grain, attribute, level, m, u, weight (bits). `statuses`: by grain, `trained` or
    why no pair was looked at.
    """

    pairs: pd.DataFrame
    parameters: pd.DataFrame
    statuses: Mapping[str, str]


@dataclass(frozen=True)
class _Level:
    """One way in which an attribute of two records can agree; `expected` is m before training."""

    name: str
    condition: str
    expected: float
    frequency_of: str | None = None  # a rare value that agrees says more than a frequent one
    needs: str | None = None  # column without which the level cannot occur
    bits: float | None = None  # weight where random pairs would count what another attribute counts


@dataclass(frozen=True)
class _Attribute:
    """One comparison: levels are tried in order, `needs` are the columns it is made of."""

    name: str
    needs: tuple[str, ...]
    unknown: str
    levels: tuple[_Level, ...]


@dataclass(frozen=True)
class _Grain:
    """People or organisations: what is compared, why, and what teaches the model."""

    name: str
    condition: str
    attributes: tuple[_Attribute, ...]
    reasons: Mapping[str, str]  # two records with the same value of one of these are compared
    tight: tuple[tuple[str, ...], ...]  # columns that hardly agree by chance
    training: tuple[tuple[str, ...], ...]  # columns that agree in the pairs of one training


def _either_null(column: str) -> str:
    return f"({column}_l is null or {column}_r is null)"


def _alike(column: str, least: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {least}"


def _misprinted(column: str, most: int) -> str:
    return f"damerau_levenshtein({column}_l, {column}_r) <= {most}"


_SWAPPED = (
    "coalesce((given_name_l = family_name_r and family_name_l = given_name_r)"
    " or (jaro_winkler_similarity(given_name_l, family_name_r) >= 0.88"
    " and jaro_winkler_similarity(family_name_l, given_name_r) >= 0.88), false)"
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

_ADDRESS = _Attribute(
    # One comparison: street, postal code and city agree and differ together.
    "address",
    ("street", "postal_code", "city"),
    f"{_either_null('street')} and {_either_null('postal_code')} and {_either_null('city')}",
    (
        _Level(
            "same street and place",
            f"street_l = street_r and {_SAME_PLACE}",
            0.40,
            needs="street",
        ),
        _Level(
            "similar street, same number and place",
            f"{_SIMILAR_STREET} and house_number_l = house_number_r and {_SAME_PLACE}",
            0.20,
            needs="street",
        ),
        _Level(
            "similar street, same place",
            f"{_SIMILAR_STREET} and {_SAME_PLACE}",
            0.10,
            needs="street",
        ),
        _Level("similar street", _alike("street", 0.92), 0.10, needs="street"),
        _Level(
            "same postal code",
            "postal_code_l = postal_code_r",
            0.05,
            frequency_of="postal_code",
            needs="postal_code",
        ),
        _Level("same city", "city_l = city_r", 0.05, frequency_of="city", needs="city"),
        _Level("similar city", _alike("city", 0.88), 0.03, needs="city"),
        _Level("different", "ELSE", 0.07),
    ),
)
_MISPRINTED_MAILBOX = (
    "(email_domain_l = email_domain_r and mailbox_digits_l = mailbox_digits_r "
    "and least(length(email_name_l), length(email_name_r)) >= 6 "
    f"and {_misprinted('email_name', 1)})"
)
# john.smith at two providers, john.smith and john.smith2: alike because the names are, and the
# names are counted already. A number behind the name that both carry says more than the name.
_IS_NAMED_ALIKE = (
    "(is_mailbox_name_l and is_mailbox_name_r"
    f" or (is_mailbox_name_l or is_mailbox_name_r) and {_alike('family_name', 0.88)})"
)
_EMAIL = _Attribute(
    "email",
    ("email",),
    f"{_either_null('email')} or coalesce(email_name_l != email_name_r and "
    f"{_alike('email_name', 0.90)} and not {_MISPRINTED_MAILBOX} and {_IS_NAMED_ALIKE}, false)",
    (
        _Level("same", "email_l = email_r", 0.60),
        _Level("misprint in the mailbox", _MISPRINTED_MAILBOX, 0.05),
        _Level(
            "same way to write the name, another provider",
            f"email_name_l = email_name_r and mailbox_digits_l = '' and {_IS_NAMED_ALIKE}",
            0.05,
            # First and last name with a dot, a dash, an underscore or nothing between them: of two
            # people of one name every fourth pair agrees.
            bits=2.0,
        ),
        _Level("same mailbox at another provider", "email_name_l = email_name_r", 0.05),
        _Level("similar mailbox", _alike("email_name", 0.90), 0.10),
        _Level("different", "ELSE", 0.15),
    ),
)
# An organisation has many mailboxes and one domain, unless it is that of a mail provider.
_EMAIL_OF_ORGANISATION = _Attribute(
    "email",
    ("email_domain",),
    _either_null("email_domain"),
    (
        _Level("same", "email_l = email_r", 0.30),
        _Level("same domain", "email_domain_l = email_domain_r", 0.50, "email_domain"),
        _Level("different", "ELSE", 0.20),
    ),
)
_PHONE = _Attribute(
    "phone",
    ("phone",),
    _either_null("phone"),
    (
        _Level("same", "phone_l = phone_r", 0.60),
        _Level("one digit off", _misprinted("phone", 1), 0.05),
        _Level("different", "ELSE", 0.35),
    ),
)
_NATIONAL_ID = _Attribute(
    "national_id",
    ("national_id",),
    _either_null("national_id"),
    (
        _Level("same", "national_id_l = national_id_r", 0.85),
        _Level("one character off", _misprinted("national_id", 1), 0.10),
        _Level("different", "ELSE", 0.05),
    ),
)

# Words of streets that are written in several ways.
_STREET_WORDS = {
    **{"street": "st", "saint": "st", "avenue": "ave", "av": "ave", "road": "rd", "drive": "dr"},
    **{"lane": "ln", "boulevard": "blvd", "blv": "blvd", "court": "ct", "place": "pl"},
    **{"square": "sq", "highway": "hwy", "parkway": "pkwy", "terrace": "ter", "circle": "cir"},
    **{"crescent": "cres", "close": "cl", "strasse": "str", "north": "n", "south": "s"},
    **{"east": "e", "west": "w", "suite": "ste", "apartment": "apt", "floor": "fl"},
    **{"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th"},
    **{"sixth": "6th", "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th"},
}

PERSON = _Grain(
    name="person",
    condition="not is_organisation",
    attributes=(
        _Attribute(
            "given_name",
            ("given_name",),
            _either_null("given_name"),
            (
                _Level("same", "given_name_l = given_name_r", 0.70, "given_name"),
                _Level("swapped with the family name", _SWAPPED, 0.02),
                _Level("nickname", "list_has_any(name_forms_l, name_forms_r)", 0.05),
                _Level("similar", _alike("given_name", 0.88), 0.12),
                _Level(
                    "distantly similar",
                    f"{_alike('given_name', 0.75)} or (left(given_name_l, 1) = "
                    "left(given_name_r, 1) and least(length(given_name_l), "
                    "length(given_name_r)) = 1)",
                    0.04,
                ),
                _Level("different", "ELSE", 0.07),
            ),
        ),
        _Attribute(
            "family_name",
            ("family_name",),
            # Swapped names are counted once, with the given name.
            f"{_either_null('family_name')} or {_SWAPPED}",
            (
                _Level("same", "family_name_l = family_name_r", 0.75, "family_name"),
                _Level("similar", _alike("family_name", 0.88), 0.12),
                _Level("distantly similar", _alike("family_name", 0.75), 0.05),
                _Level("different", "ELSE", 0.08),
            ),
        ),
        _Attribute(
            "birth_date",
            ("birth_date",),
            _either_null("birth_date"),
            (
                _Level("same", "birth_date_l = birth_date_r", 0.85),
                _Level(
                    "one digit off, or day and month swapped",
                    f"{_misprinted('birth_date', 1)} or (birth_date_l[1:4] = birth_date_r[1:4] "
                    "and birth_date_l[6:7] = birth_date_r[9:10] "
                    "and birth_date_l[9:10] = birth_date_r[6:7])",
                    0.08,
                ),
                _Level("two digits off", _misprinted("birth_date", 2), 0.03),
                _Level("different", "ELSE", 0.04),
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
        "phone": "phone",
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
        ("phone",),
        ("street",),
        ("national_id",),
    ),
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

ORGANISATION = _Grain(
    name="organisation",
    condition="is_organisation",
    attributes=(
        _Attribute(
            "organisation_name",
            ("organisation_name",),
            _either_null("organisation_name"),
            (
                _Level(
                    "same", "organisation_name_l = organisation_name_r", 0.60, "organisation_name"
                ),
                _Level("similar", _alike("organisation_name", 0.92), 0.15),
                _Level("abbreviated", _ABBREVIATED, 0.06),
                _Level("one name begins or holds the other", _HOLDS_WORDS, 0.08),
                _Level("distantly similar", _alike("organisation_name", 0.80), 0.06),
                _Level("different", "ELSE", 0.05),
            ),
        ),
        _EMAIL_OF_ORGANISATION,
        _PHONE,
        _ADDRESS,
        _NATIONAL_ID,
    ),
    reasons={
        "email": "email",
        "mail domain": "email_domain",
        "phone": "phone",
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
        ("email", "organisation_name"),
    ),
    training=(("organisation_name",), ("phone",), ("street",), ("email",), ("postal_code",)),
)

# People of one household agree in nearly all but the given name. Twins agree in the birth date
# too, which is why a similar mailbox or the same id must speak for the pair.
_HOUSEHOLD = """
    a.given_name is not null and b.given_name is not null
    and a.given_name != coalesce(b.family_name, '') and b.given_name != coalesce(a.family_name, '')
    and not list_has_any(a.name_forms, b.name_forms)
    and jaro_winkler_similarity(a.given_name, b.given_name) < 0.75
    and least(length(a.given_name), length(b.given_name)) > 1
    and (a.birth_date is null or b.birth_date is null
         or damerau_levenshtein(a.birth_date, b.birth_date) > 1)
    and (a.national_id is null or b.national_id is null or a.national_id != b.national_id)
"""

# Father and son of one name live together, too. Where the birth dates are a generation apart and
# further than two misprints, more than name and home must speak for the pair.
_NAMESAKES = """
    damerau_levenshtein(a.birth_date, b.birth_date) > 2
    and abs(cast(a.birth_date[1:4] as integer) - cast(b.birth_date[1:4] as integer)) >= 15
    and (a.phone = b.phone or jaro_winkler_similarity(a.street, b.street) >= 0.88)
    and coalesce(a.national_id != b.national_id, true)
    and not coalesce(
        a.email = b.email
        or (jaro_winkler_similarity(a.email_name, b.email_name) >= 0.9
            and (a.given_name != b.given_name or a.family_name != b.family_name)),
        false)
"""

# Two people of one name, in one city even, are nothing rare: something else must agree.
_NAMES_ONLY = """
    not coalesce(a.street = b.street or jaro_winkler_similarity(a.street, b.street) >= 0.88, false)
    and not coalesce(a.postal_code = b.postal_code, false)
    and not coalesce(a.phone = b.phone, false)
"""
_BEYOND_NAMES = ("birth_date", "email", "national_id")

# Firms in one building, on one switchboard: a place and a phone are not a name.
_TENANTS = """
    jaro_winkler_similarity(a.organisation_name, b.organisation_name) < 0.80
    and not list_has_all(a.name_words, b.name_words)
    and not list_has_all(b.name_words, a.name_words)
    and coalesce(a.national_id != b.national_id, true)
"""


def no_matches(status: str) -> Matches:
    """Return what there is when nothing was compared, and why."""
    return Matches(_NO_PAIRS, _NO_PARAMETERS, {PERSON.name: status, ORGANISATION.name: status})


def match_records(records: pa.Table, options: Options) -> Matches:
    """Return every pair of records that is likely enough one customer to be looked at.

    `records` has one row per record: record_number, cluster (records that rules have joined share
    it; their pairs are not scored), is_organisation, given_name, family_name, name_forms (list),
    organisation_name, birth_date (ISO text), email, email_domain (also of mailboxes that many
    share), phone, street, city, postal_code, national_id; empty is None. Pairs below
    `options.review_threshold` are left out.
    People and organisations are compared apart, each with a model of its own. Data that teach no
    model give no pairs and a status that says why; that is no error.
    """
    spelt = records.set_column(
        records.schema.get_field_index("street"),
        "street",
        pa.array([_street(text) for text in records["street"].to_pylist()], pa.string()),
    )
    results = [_match_grain(spelt, grain, options) for grain in (PERSON, ORGANISATION)]
    return Matches(
        pairs=pd.concat([pairs for pairs, _, _ in results], ignore_index=True).sort_values(
            ["record_number_a", "record_number_b"], ignore_index=True
        ),
        parameters=pd.concat([parameters for _, parameters, _ in results], ignore_index=True),
        statuses={
            grain.name: status
            for grain, (_, _, status) in zip((PERSON, ORGANISATION), results, strict=True)
        },
    )


def _street(text: str | None) -> str | None:
    """Return a street in one spelling."""
    return text and " ".join(_STREET_WORDS.get(word, word) for word in text.split(" "))


def _match_grain(
    records: pa.Table, grain: _Grain, options: Options
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    with duckdb.connect() as con:
        # The whole step stays below the memory that is left beside Dagster and dbt on a small
        # machine; what does not fit goes to disk.
        con.execute("set memory_limit = '2500MB'")
        con.execute("set preserve_insertion_order = false")
        con.register("all_records", records)
        con.execute(
            f"""
            create table records as
            with stated as (
                select *,
                       regexp_extract(street, '^[0-9]+') as house_number,
                       split_part(email, '@', 1) as email_name,
                       string_split(organisation_name, ' ') as name_words
                from all_records where {grain.condition}
            ),
            names as (
                select given_name, family_name from stated
            ),
            -- Guests leave a mailbox and no name: ruth.lee is Ruth Lee where both are known names.
            named as (
                select stated.* replace (
                    coalesce(stated.given_name, mailboxes.given_name) as given_name,
                    coalesce(stated.family_name, mailboxes.family_name) as family_name,
                    coalesce(stated.name_forms, [mailboxes.given_name]) as name_forms
                )
                from stated
                left join (
                    select record_number, split_part(mailbox, ' ', 1) as given_name,
                           split_part(mailbox, ' ', 2) as family_name
                    from (
                        select record_number,
                               regexp_replace(rtrim(email_name, '0123456789'), '[._-]', ' ')
                                   as mailbox
                        from stated where given_name is null and family_name is null
                    )
                    where regexp_full_match(mailbox, '[a-z]+ [a-z]+')
                      and split_part(mailbox, ' ', 1) in (select given_name from names)
                      and split_part(mailbox, ' ', 2) in (select family_name from names)
                ) as mailboxes using (record_number)
            )
            select *,
                   regexp_replace(email_name, '[^0-9]', '', 'g') as mailbox_digits,
                   contains(regexp_replace(email_name, '[^a-z]', '', 'g'), family_name)
                       as is_mailbox_name
            from named
            """
        )
        count = _scalar(con, "select count(*) from records")
        if count < options.minimum_records:
            return _NO_PAIRS, _NO_PARAMETERS, f"too_few_records ({count})"
        filled = _filled(con, grain, count)
        attributes = [
            replace(attribute, levels=_levels_that_occur(attribute, filled))
            for attribute in grain.attributes
            if any(column in filled for column in attribute.needs)
        ]
        if len(attributes) < 2:
            return _NO_PAIRS, _NO_PARAMETERS, "too_few_attributes"
        _find_pairs(con, grain, max(SMALLEST_BUDGET, int(options.pairs_per_record * count)))
        if _scalar(con, "select count(*) from pairs") == 0:
            return _NO_PAIRS, _NO_PARAMETERS, "nothing_to_compare"
        parameters, prior = _train(con, grain, attributes, filled, options.seed, count)
        pairs = _score(con, grain, attributes, parameters, prior, options.review_threshold)
        return pairs, _as_table(grain, attributes, parameters), "trained"


_NO_PAIRS = pd.DataFrame(
    {
        "record_number_a": pd.Series(dtype="int64"),
        "record_number_b": pd.Series(dtype="int64"),
        "match_probability": pd.Series(dtype="float64"),
        "match_weight": pd.Series(dtype="float64"),
        "evidence": pd.Series(dtype="object"),
        "guard": pd.Series(dtype="object"),
    }
)
_NO_PARAMETERS = pd.DataFrame(
    {
        "grain": pd.Series(dtype="object"),
        "attribute": pd.Series(dtype="object"),
        "level_number": pd.Series(dtype="int64"),
        "level": pd.Series(dtype="object"),
        "m_probability": pd.Series(dtype="float64"),
        "u_probability": pd.Series(dtype="float64"),
        "match_weight": pd.Series(dtype="float64"),
    }
)

# By attribute and level: probability among pairs of one customer (m) and of two (u).
_Parameters = dict[tuple[str, str], tuple[float, float]]


def _filled(con: duckdb.DuckDBPyConnection, grain: _Grain, count: int) -> frozenset[str]:
    """Return the columns that enough records state, with more than one value."""
    columns = sorted({column for attribute in grain.attributes for column in attribute.needs})
    found = con.execute(
        f"select {', '.join(f'count({c}), approx_count_distinct({c})' for c in columns)} "
        "from records"
    ).fetchone()
    assert found is not None
    return frozenset(
        column
        for position, column in enumerate(columns)
        if found[2 * position] >= LEAST_FILLED * count and found[2 * position + 1] > 1
    )


def _levels_that_occur(attribute: _Attribute, filled: frozenset[str]) -> tuple[_Level, ...]:
    return tuple(
        level for level in attribute.levels if level.needs is None or level.needs in filled
    )


def _find_pairs(con: duckdb.DuckDBPyConnection, grain: _Grain, budget: int) -> None:
    """Write the pairs worth comparing to the table `pairs`.

    Two records are compared when they agree in one of the grain's reasons. A reason is used up to
    the largest group with which it stays within `budget` pairs: a family name that thousands share
    says nothing, and comparing them all would take days. That is what blocking can reach.
    """
    con.execute("create table pairs (join_key_l bigint, join_key_r bigint)")
    for reason in grain.reasons.values():
        con.execute(
            f"create or replace temp table reasons as select record_number, cluster, "
            f"hash({reason}) as reason from records where ({reason}) is not null"
        )
        con.execute(
            "create or replace temp table reason_sizes as select reason, count(*) as size "
            "from reasons group by reason having count(*) > 1 and min(cluster) != max(cluster)"
        )
        con.execute(
            """
            insert into pairs
            select one.record_number, other.record_number
            from reason_sizes
            inner join reasons as one using (reason)
            inner join reasons as other using (reason)
            where one.record_number < other.record_number and one.cluster != other.cluster
              and reason_sizes.size <= (
                select coalesce(max(size), 0)
                from (
                    select size, sum(sum(size * (size - 1) / 2)) over (order by size) as pairs
                    from reason_sizes group by size
                )
                where pairs <= ?
            )
            """,
            [budget],
        )
    con.execute(
        "create or replace table pairs as "
        "select distinct join_key_l, join_key_r, '0' as match_key from pairs"
    )


def _train(
    con: duckdb.DuckDBPyConnection,
    grain: _Grain,
    attributes: Sequence[_Attribute],
    filled: frozenset[str],
    seed: int,
    count: int,
) -> tuple[_Parameters, float]:
    """Learn m and u from the records; return them with the chance that two records match."""
    expected: _Parameters = {
        (attribute.name, level.name): (level.expected, UNSEEN)
        for attribute in attributes
        for level in attribute.levels
    }
    # Sums over rows in the order of one thread: the same digits in every run.
    con.execute("set threads = 1")
    rules = [rule for rule in grain.tight if filled.issuperset(rule)]
    prior = _prior(con, rules, count)
    con.execute(
        "create table sampled as select * from records "
        f"order by hash(record_number, {seed}), record_number limit {SAMPLE_RECORDS}"
    )
    sampler = _linker(con, "sampled", attributes, expected, prior)
    sampler.training.estimate_u_using_random_sampling(
        max_pairs=SAMPLE_RECORDS**2, min_count_per_level=None, num_chunks=1
    )
    sampled = min(count, SAMPLE_RECORDS)
    random_pairs = sampled * (sampled - 1) / 2
    observed = _observed(sampler)
    known = {
        (attribute.name, level.name): level.bits
        for attribute in attributes
        for level in attribute.levels
        if level.bits is not None
    }
    start = _without_matches(expected, observed, prior, random_pairs, known)
    counts = {key: PRIOR_PAIRS * m for key, (m, _) in expected.items()}
    for columns in grain.training:
        if filled.issuperset(columns):
            for key, pairs in _trained_on(con, columns, attributes, start, prior).items():
                counts[key] += pairs
    con.execute("reset threads")
    totals: dict[str, float] = defaultdict(float)
    for (attribute, _), pairs in counts.items():
        totals[attribute] += pairs
    learnt = {key: (pairs / totals[key[0]], UNSEEN) for key, pairs in counts.items()}
    return _without_matches(learnt, observed, prior, random_pairs, known), prior


def _trained_on(
    con: duckdb.DuckDBPyConnection,
    columns: Sequence[str],
    attributes: Sequence[_Attribute],
    parameters: _Parameters,
    prior: float,
) -> dict[tuple[str, str], float]:
    """Return how many matches show every level, among the pairs that agree in the columns.

    Expectation maximisation, u fixed. Attributes made of the columns themselves are left out:
    they always agree here. Nothing comes back where there is nothing to learn.
    """
    from splink.internals.exceptions import EMTrainingException

    pairs = _scalar(
        con,
        "select coalesce(sum(size * (size - 1) / 2), 0) from (select count(*) as size from records "
        f"where {' is not null and '.join(columns)} is not null group by {', '.join(columns)})",
    )
    if pairs < LEAST_TRAINING_PAIRS:
        return {}
    linker = _linker(con, "records", attributes, parameters, prior)
    try:
        trained = linker.training.estimate_parameters_using_expectation_maximisation(
            " and ".join(f"l.{column} = r.{column}" for column in columns),
            estimate_without_term_frequencies=True,
            max_pairs=TRAINING_PAIRS,
        ).core_model_settings
    except (EMTrainingException, ValueError):
        # Every pair lacks the other attributes, or a level that no match shows sank to nothing.
        return {}
    matches = min(pairs, TRAINING_PAIRS) * trained.probability_two_random_records_match
    return {
        (comparison.output_column_name, level.label_for_charts): matches * level._m_probability
        for comparison in trained.comparisons
        for level in comparison.comparison_levels
        if not level.is_null_level and isinstance(level._m_probability, float)  # a word if unseen
    }


def _prior(con: duckdb.DuckDBPyConnection, rules: Sequence[Sequence[str]], count: int) -> float:
    """Return the chance that two random records are of one customer, from what tight rules find."""
    found = [
        "select one.record_number as a, other.record_number as b from records as one "
        "inner join records as other on one.record_number < other.record_number and "
        + " and ".join(f"one.{column} = other.{column}" for column in rule)
        for rule in rules
    ]
    matches = (
        _scalar(con, f"select count(*) from ({' union '.join(found)})") / RULES_RECALL
        if found
        else 0.0
    )
    # Where the rules find nobody, one match among all the records is the most cautious guess.
    return min(0.5, round(max(matches, 1.0) / (count * (count - 1) / 2), 12))


def _without_matches(
    parameters: _Parameters,
    observed: Mapping[tuple[str, str], float],
    prior: float,
    random_pairs: float,
    known: Mapping[tuple[str, str], float],
) -> _Parameters:
    """Return the parameters with u of pairs of two customers; `known` are weights in bits.

    Random pairs hold a share `prior` of matches, which is most of the agreement on a birth date
    in small data: observed = prior * m + (1 - prior) * u. What was never observed counts as half
    an observation.
    """
    least = 0.5 / random_pairs
    corrected = {}
    for key, (m, _) in parameters.items():
        u = max((observed[key] - prior * m) / (1 - prior), 0.02 * observed[key], least)
        if key in known:
            u = m / 2 ** known[key]
        corrected[key] = (
            min(max(round(m, DIGITS), 10**-DIGITS), 1 - 10**-DIGITS),
            min(float(f"{u:.{DIGITS}g}"), 1 - 10**-DIGITS),
        )
    return corrected


def _linker(
    con: duckdb.DuckDBPyConnection,
    table: str,
    attributes: Sequence[_Attribute],
    parameters: _Parameters,
    prior: float,
) -> "Linker":
    from splink import DuckDBAPI, Linker, SettingsCreator

    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = SettingsCreator(
        "dedupe_only",
        unique_id_column_name="record_number",
        comparisons=[
            {
                "output_column_name": attribute.name,
                "comparison_levels": [
                    {
                        "sql_condition": attribute.unknown,
                        "label_for_charts": "unknown",
                        "is_null_level": True,
                    },
                    *(_splink_level(attribute, level, parameters) for level in attribute.levels),
                ],
            }
            for attribute in attributes
        ],
        probability_two_random_records_match=prior,
        # What a level loses in an iteration it loses again in the next: a level that no match shows
        # would underflow in some twenty.
        max_iterations=10,
        em_convergence=0.005,
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=True,
        linker_uid="identity",  # the default is a random word, which ends up in names of tables
    )
    return Linker(DuckDBAPI(con).register(table), settings, log_level=None, validate_settings=False)


def _splink_level(attribute: _Attribute, level: _Level, parameters: _Parameters) -> dict[str, Any]:
    m, u = parameters[(attribute.name, level.name)]
    frequency = level.frequency_of and {
        "tf_adjustment_column": level.frequency_of,
        "tf_adjustment_weight": 1.0,
        "tf_minimum_u_value": 0.0005,  # a name that occurs once may be a misprint of two people's
    }
    return {
        "sql_condition": level.condition,
        "label_for_charts": level.name,
        "m_probability": m,
        "u_probability": u,
        **(frequency or {}),
    }


def _observed(linker: "Linker") -> dict[tuple[str, str], float]:
    """Return u of every level as the random pairs of a linker show it."""
    return {
        (comparison["output_column_name"], level["label_for_charts"]): level["u_probability"]
        for comparison in linker.misc.save_model_to_json()["comparisons"]
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
    }


def _score(
    con: duckdb.DuckDBPyConnection,
    grain: _Grain,
    attributes: Sequence[_Attribute],
    parameters: _Parameters,
    prior: float,
    threshold: float,
) -> pd.DataFrame:
    """Score the pairs with the finished model; keep those from the threshold on."""
    linker = _linker(con, "records", attributes, parameters, prior)
    linker.table_management.register_blocked_pairs_for_predict(linker._db_api.register("pairs"))
    scored = linker.inference.predict(threshold_match_probability=LEAST_PROBABILITY)
    with_frequency = {
        attribute.name
        for attribute in attributes
        if any(level.frequency_of for level in attribute.levels)
    }
    evidence = " || ', ' || ".join(
        f"'{a.name.replace('_', ' ')} ' || printf('%+.1f', mw_{a.name}"
        + (f" + mw_tf_adj_{a.name})" if a.name in with_frequency else ")")
        for a in attributes
    )
    nothing_else = " ".join(
        f"and mw_{attribute.name} <= 0"
        for attribute in attributes
        if attribute.name in _BEYOND_NAMES
    )
    guards = (
        f"when {_TENANTS} then 'names_differ'"
        if grain is ORGANISATION
        else f"when {_HOUSEHOLD} then 'household' when {_NAMESAKES} then 'birth_dates_differ' "
        f"when {_NAMES_ONLY} {nothing_else} then 'names_only'"
    )
    pairs = con.execute(
        f"""
        select
            record_number_l::bigint as record_number_a,
            record_number_r::bigint as record_number_b,
            match_probability,
            round(match_weight, {DIGITS}) as match_weight,
            {evidence} as evidence,
            case {guards} end as guard
        from {scored.physical_name}
        inner join records as a on record_number_l = a.record_number
        inner join records as b on record_number_r = b.record_number
        order by record_number_a, record_number_b
        """
    ).df()
    count = _scalar(con, "select count(*) from records")
    unguarded = pairs.loc[pairs["guard"].isna(), "match_weight"].to_numpy()
    pairs["match_weight"] = (
        pairs["match_weight"] + _prior_error(unguarded, prior, count * (count - 1) / 2)
    ).round(DIGITS)
    pairs["match_probability"] = (1 / (1 + np.exp2(-pairs["match_weight"]))).round(DIGITS)
    return pairs[pairs["match_probability"] >= threshold].reset_index(drop=True)


def _prior_error(weights: Floats, prior: float, count_pairs: float) -> float:
    """Return by how many bits the prior is too small, judged by the pairs that it scored.

    The tight rules know only the matches that state what they ask for. The share of matches is
    once more the expected one of the scores that it leads to: expectation maximisation of the prior
    alone, m and u fixed. `weights` of all pairs, in bits, that are worth a look.
    """
    odds = np.exp2(np.sort(weights))  # sorted: the sum must not depend on the order of rows
    start = prior / (1 - prior)
    factor = 1.0
    for _ in range(PRIOR_ITERATIONS):
        matches = max(float((1 - 1 / (1 + factor * odds)).sum()), 1.0)
        factor = matches / (count_pairs - matches) / start
    return round(float(np.log2(factor)), 3)


def _as_table(
    grain: _Grain, attributes: Sequence[_Attribute], parameters: _Parameters
) -> pd.DataFrame:
    def rows() -> Iterator[tuple[Any, ...]]:
        from math import log2

        for attribute in attributes:
            for number, level in enumerate(attribute.levels, 1):
                m, u = parameters[(attribute.name, level.name)]
                weight = round(log2(m / u), DIGITS)
                yield grain.name, attribute.name, number, level.name, m, u, weight

    return pd.DataFrame(rows(), columns=list(_NO_PARAMETERS.columns))


def _scalar(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    found = con.execute(query).fetchone()
    assert found is not None
    return found[0]
