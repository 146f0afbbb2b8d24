"""The customers of the made-up company: who they are, when they came, how they can be reached.

One entry per real customer, person or organisation, in order of acquisition. What a source system
holds about them (one or several records each) is made in `records`.
"""

import unicodedata
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import (
    Bools,
    Floats,
    Instants,
    Ints,
    digits,
    pick,
    rank_within,
    skewed,
    text,
)
from samples.parameters import Acquisition, Identity
from samples.vocabulary import (
    CATEGORIES,
    CHINESE,
    CITIES,
    CULTURES,
    HAN_FAMILY,
    HAN_FEMALE,
    HAN_MALE,
    MAIL_DOMAINS,
    ORGANISATION_FIRST,
    ORGANISATION_FORM,
    ORGANISATION_SECOND,
    SECOND_MAIL_DOMAINS,
    STREETS,
)

GIVEN = tuple(name for c in CULTURES for name in (*c.female, *c.male))
FAMILY = tuple(name for c in CULTURES for name in c.family)
GENDERS = ("female", "male", "other")
ORGANISATIONS = tuple(
    f"{first} {second} {form}"
    for first in ORGANISATION_FIRST
    for second in ORGANISATION_SECOND
    for form in ORGANISATION_FORM
)
PREFERRED_CHANNELS = ("email", "phone", "sms", "post")

# A phone number is written as prefix, area code, separator, exchange, separator, line.
_PHONE_PREFIXES = ("(", "", "+1 ", "", "1-", "")
_AFTER_AREA = (") ", "-", " ", "", "-", ".")
_AFTER_EXCHANGE = ("-", "-", " ", "", "-", ".")
PHONE_SPELLINGS = len(_PHONE_PREFIXES)

_HAN_SHARE = 0.4  # of customers with Chinese names, written in characters
_FEMALE_COUNTS = np.array([len(c.female) for c in CULTURES])
_MALE_COUNTS = np.array([len(c.male) for c in CULTURES])
_FAMILY_COUNTS = np.array([len(c.family) for c in CULTURES])
_GIVEN_STARTS = np.cumsum(_FEMALE_COUNTS + _MALE_COUNTS) - (_FEMALE_COUNTS + _MALE_COUNTS)
_FAMILY_STARTS = np.cumsum(_FAMILY_COUNTS) - _FAMILY_COUNTS


@dataclass(frozen=True)
class Addresses:
    """Postal addresses as codes into the word lists."""

    house: Ints
    street: Ints
    city: Ints
    postal_end: Ints  # last two digits of the postal code

    def take(self, entries: Ints) -> "Addresses":
        """Pick the addresses of some entries."""
        return Addresses(
            self.house[entries], self.street[entries], self.city[entries], self.postal_end[entries]
        )

    def street_lines(self) -> pa.Array:
        """Write street and house number."""
        house = pc.cast(pa.array(self.house), pa.string())
        return pc.binary_join_element_wise(house, text(self.street, STREETS), " ")

    def postal_codes(self) -> pa.Array:
        """Write five-digit postal codes."""
        prefix = text(self.city, [city.postal_prefix for city in CITIES])
        return pc.binary_join_element_wise(prefix, digits(self.postal_end, 2), "")


@dataclass(frozen=True)
class PhoneNumbers:
    """American phone numbers in their three parts."""

    area_code: Ints
    exchange: Ints
    line_number: Ints

    def take(self, entries: Ints) -> "PhoneNumbers":
        """Pick the numbers of some entries."""
        return PhoneNumbers(
            self.area_code[entries], self.exchange[entries], self.line_number[entries]
        )

    def spelled(self, spelling: Ints) -> pa.Array:
        """Write the numbers, each in one of PHONE_SPELLINGS ways."""
        return pc.binary_join_element_wise(
            text(spelling, _PHONE_PREFIXES),
            digits(self.area_code, 3),
            text(spelling, _AFTER_AREA),
            digits(self.exchange, 3),
            text(spelling, _AFTER_EXCHANGE),
            digits(self.line_number, 4),
            "",
        )


@dataclass(frozen=True)
class People:
    """One entry per customer, in order of acquisition; codes point into the word lists."""

    first_day: Floats  # first purchase, for prospects the registration, in days of the history
    is_prospect: Bools
    is_organisation: Bools
    organisation: Ints
    given: Ints
    family: Ints
    is_han: Bools
    gender: Ints
    birth_date: Instants
    addresses: Addresses
    preferred_channel: Ints
    channel: Ints  # acquisition channel
    home_category: Ints
    grants_email: Bools  # allows marketing by e-mail
    has_duplicates: Bools
    email: pa.Array
    second_email: pa.Array
    has_phone: Bools
    phone: PhoneNumbers
    shares_landline: Bools  # `phone` is the landline of a household
    has_placeholder_phone: Bools
    household: Ints  # number of the household, -1 for customers on their own

    @property
    def count(self) -> int:
        """Count the customers."""
        return self.first_day.size


def draw_people(
    rng: np.random.Generator,
    customers: int,
    start: np.datetime64,
    acquisition: Acquisition,
    identity: Identity,
) -> People:
    """Draw the customers who come in the history that begins on the day `start`."""
    # One draw splits the customers into groups that do not overlap.
    edges = np.cumsum(
        (
            identity.duplicate_share,
            identity.household_share,
            identity.shared_mailbox_share,
            identity.placeholder_share,
        )
    )
    group = np.searchsorted(edges, rng.random(customers), side="right")
    has_duplicates = group == 0
    partners, shares_landline = _households(rng, group == 1, identity.shared_landline_share)

    culture, sex, given, family = draw_names(rng, customers)
    family[partners[1]] = family[partners[0]]
    is_chinese = (culture == CHINESE) & _is_chinese_family(family)
    addresses = draw_addresses(rng, customers)
    for column in (addresses.house, addresses.street, addresses.city, addresses.postal_end):
        column[partners[1]] = column[partners[0]]

    is_organisation = rng.random(customers) < acquisition.organisation_share
    is_organisation[np.concatenate(partners)] = False
    is_prospect = np.zeros(customers, dtype=np.bool_)
    count_prospects = int(acquisition.prospect_share * customers)
    is_prospect[rng.choice(customers, count_prospects, replace=False)] = True

    has_phone = (rng.random(customers) < identity.phone_share) | has_duplicates
    area_code, exchange, line_number = _phone_numbers(rng, addresses.city)
    has_phone[partners[0][shares_landline]] = True
    for phone_part in (has_phone, area_code, exchange, line_number):
        phone_part[partners[1][shares_landline]] = phone_part[partners[0][shares_landline]]

    has_email = (rng.random(customers) < identity.email_share) | has_duplicates
    local_part = _local_parts(rng, given, family)
    email = _emails(local_part, pick(rng, (5, 2, 2, 1, 1), customers), MAIL_DOMAINS)
    email = _replace(email, ~has_email, pa.scalar(None, pa.string()))
    email = _replace(email, group == 2, _shared_mailboxes(group == 2, identity))
    placeholder = np.where(group == 3, rng.integers(0, 3, customers), -1)  # email, phone, both
    email = _replace(email, (placeholder == 0) | (placeholder == 2), pa.scalar("test@test.com"))

    return People(
        first_day=_first_days(rng, customers, start, acquisition),
        is_prospect=is_prospect,
        is_organisation=is_organisation,
        organisation=np.where(is_organisation, rng.integers(0, len(ORGANISATIONS), customers), -1),
        given=given,
        family=family,
        is_han=is_chinese & (rng.random(customers) < _HAN_SHARE),
        gender=np.select(
            [is_organisation, rng.random(customers) < 0.1, rng.random(customers) < 0.01],
            [-1, -1, 2],
            sex,
        ),
        birth_date=_birth_dates(rng, start, is_organisation, acquisition.history_days),
        addresses=addresses,
        preferred_channel=pick(rng, (0.6, 0.15, 0.2, 0.05), customers),
        channel=pick(rng, list(acquisition.channel_share.values()), customers),
        home_category=pick(rng, 1 / np.arange(2.0, len(CATEGORIES) + 2), customers),
        grants_email=rng.random(customers) < 0.65,
        has_duplicates=has_duplicates,
        email=email,
        second_email=_emails(
            local_part, rng.integers(0, len(SECOND_MAIL_DOMAINS), customers), SECOND_MAIL_DOMAINS
        ),
        has_phone=has_phone,
        phone=PhoneNumbers(area_code, exchange, line_number),
        shares_landline=_marked(customers, *(side[shares_landline] for side in partners)),
        has_placeholder_phone=placeholder >= 1,
        household=_household_numbers(customers, partners),
    )


def draw_names(rng: np.random.Generator, size: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Draw cultures and sexes, then given and family names that go with them."""
    culture = pick(rng, [c.share for c in CULTURES], size)
    sex = rng.integers(0, 2, size)
    return culture, sex, _given_names(rng, culture, sex), _family_names(rng, culture)


def _is_chinese_family(family: Ints) -> Bools:
    first = _FAMILY_STARTS[CHINESE]
    return np.asarray((family >= first) & (family < first + len(HAN_FAMILY)))


def draw_addresses(rng: np.random.Generator, size: int) -> Addresses:
    """Draw addresses in American cities."""
    return Addresses(
        house=rng.integers(1, 9999, size),
        street=rng.integers(0, len(STREETS), size),
        city=pick(rng, [city.weight for city in CITIES], size),
        postal_end=rng.integers(1, 100, size),
    )


def han_names(people: People) -> pa.Array:
    """Write the Chinese names in characters, family name first; null for everybody else."""
    given = han_given(np.where(people.is_han, people.given, -1))
    family = han_family(np.where(people.is_han, people.family, -1))
    return pc.binary_join_element_wise(family, given, "")


def han_given(given: Ints) -> pa.Array:
    """Write Chinese given names in characters; null where the code is negative."""
    codes = np.where(given < 0, -1, given - _GIVEN_STARTS[CHINESE])
    return text(codes, (*HAN_FEMALE, *HAN_MALE))


def han_family(family: Ints) -> pa.Array:
    """Write Chinese family names in characters; null where the code is negative."""
    return text(np.where(family < 0, -1, family - _FAMILY_STARTS[CHINESE]), HAN_FAMILY)


def _households(
    rng: np.random.Generator, members: Bools, landline_share: float
) -> tuple[tuple[Ints, Ints], Bools]:
    """Pair the members of households; say which pairs share a landline."""
    shuffled = rng.permutation(np.flatnonzero(members))
    pairs = shuffled.size // 2
    first, second = shuffled[:pairs], shuffled[pairs : 2 * pairs]
    return (first, second), rng.random(pairs) < landline_share


def _marked(size: int, *entries: Ints) -> Bools:
    marks = np.zeros(size, dtype=np.bool_)
    marks[np.concatenate(entries)] = True
    return marks


def _household_numbers(size: int, partners: tuple[Ints, Ints]) -> Ints:
    household = np.full(size, -1)
    for side in partners:
        household[side] = np.arange(side.size)
    return household


def _given_names(rng: np.random.Generator, culture: Ints, sex: Ints) -> Ints:
    counts = np.where(sex == 0, _FEMALE_COUNTS[culture], _MALE_COUNTS[culture])
    starts = _GIVEN_STARTS[culture] + np.where(sex == 0, 0, _FEMALE_COUNTS[culture])
    return np.asarray(starts + skewed(rng, counts))


def _family_names(rng: np.random.Generator, culture: Ints) -> Ints:
    return np.asarray(_FAMILY_STARTS[culture] + skewed(rng, _FAMILY_COUNTS[culture]))


def _first_days(
    rng: np.random.Generator, customers: int, start: np.datetime64, acquisition: Acquisition
) -> Floats:
    """Draw days of acquisition by growth and season, in order."""
    days = np.arange(acquisition.history_days)
    month = (start + days).astype("datetime64[M]").astype(np.int64) % 12
    growth = np.exp(acquisition.growth_per_year * days / 365)
    weights = growth * np.asarray(acquisition.seasonality)[month]
    return np.sort(pick(rng, weights, customers) + rng.random(customers))


def _birth_dates(
    rng: np.random.Generator, start: np.datetime64, is_organisation: Bools, history_days: int
) -> Instants:
    """Draw birth dates of people aged 18 to 85 at the start; some are unknown."""
    age_days = 365.25 * (18 + 67 * rng.beta(1.6, 2.6, is_organisation.size))
    born = start - age_days.astype(np.int64)
    is_known = ~is_organisation & (rng.random(born.size) < 0.75)
    return np.where(is_known, born, np.datetime64("NaT", "D"))


def _phone_numbers(rng: np.random.Generator, city: Ints) -> tuple[Ints, Ints, Ints]:
    """Give every customer a number of their own: area code, exchange, line.

    The first hundred of an area are reserved for fiction (555-0100 to 555-0199), the next 9,900
    lie in the exchange 555, which has no subscribers; only beyond follow ordinary exchanges.
    """
    codes = np.array([int(code) for c in CITIES for code in c.area_codes])
    counts = np.array([len(c.area_codes) for c in CITIES])
    starts = np.cumsum(counts) - counts
    area = starts[city] + (counts[city] * rng.random(city.size)).astype(np.int64)
    rank = rank_within(area)
    in_555 = np.where(rank < 100, rank + 100, np.where(rank < 200, rank - 100, rank))
    exchange = np.where(rank < 10_000, 555, 219 + rank // 10_000)
    return codes[area], exchange, np.where(rank < 10_000, in_555, rank % 10_000)


def slug(name: str) -> str:
    """Spell a name in the letters that mail addresses are made of."""
    plain = unicodedata.normalize("NFKD", name.translate(str.maketrans("łŁøØ", "lLoO")))
    return "".join(c for c in plain.lower() if c.isascii() and c.isalpha())


def _local_parts(rng: np.random.Generator, given: Ints, family: Ints) -> pa.Array:
    """Make the part before the @ from the name; namesakes are numbered, so that none is shared."""
    given_slugs, given_code = np.unique([slug(name) for name in GIVEN], return_inverse=True)
    family_slugs, family_code = np.unique([slug(name) for name in FAMILY], return_inverse=True)
    given_codes, family_codes = given_code[given], family_code[family]
    rank = rank_within(given_codes * family_slugs.size + family_codes)
    number = pc.if_else(pa.array(rank == 0), "", pc.cast(pa.array(rank + 1), pa.string()))
    return pc.binary_join_element_wise(
        text(given_codes, given_slugs.tolist()),
        text(rng.integers(0, 3, given.size), (".", "_", "-")),
        text(family_codes, family_slugs.tolist()),
        number,
        "",
    )


def _emails(local_part: pa.Array, domain: Ints, domains: tuple[str, ...]) -> pa.Array:
    return pc.binary_join_element_wise(local_part, text(domain, domains), "@")


def _shared_mailboxes(members: Bools, identity: Identity) -> pa.Array:
    """Give neighbours in the list of members one info@ address; null for everybody else."""
    box = np.where(members, (np.cumsum(members) - 1) // identity.customers_per_shared_mailbox, -1)
    names = [
        f"info@{first.lower()}-{second.lower()}"
        for second in ORGANISATION_SECOND
        for first in ORGANISATION_FIRST
    ]
    branch = pa.array(box // len(names))
    suffix = pc.if_else(pc.less(branch, 1), "", branch.cast(pa.string()))
    name = text(np.where(box < 0, -1, box % len(names)), names)
    return pc.binary_join_element_wise(name, suffix, ".example", "")


def _replace(column: pa.Array, condition: Bools, by: pa.Array | pa.Scalar) -> pa.Array:
    return pc.if_else(pa.array(condition), by, column)
