"""Everybody a system may know, and how each system writes them down.

`draw_persons` adds to the company's customers what makes identity hard across systems: other
mailboxes and numbers, marriages, moves, colleagues. `register` makes one system's records of some
of them: nicknames, slips, missing parts, stale addresses. Which system knows whom is decided in
`systems.landscape`.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import (
    Bools,
    Instants,
    Ints,
    days_between,
    later,
    only_if,
    rank_within,
    skewed,
    table,
    text,
    words,
)
from samples.parameters import People as PeopleParameters
from samples.parameters import Registration
from samples.people import (
    FAMILY,
    GENDERS,
    GIVEN,
    ORGANISATIONS,
    PHONE_SPELLINGS,
    Addresses,
    People,
    PhoneNumbers,
    draw_addresses,
    draw_names,
    han_family,
    han_given,
    slug,
)
from samples.vocabulary import CITIES, NICKNAMES

_ENGLISH_FAMILIES = 80  # the first of FAMILY
_WOMAN = 0
_NEIGHBOURS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wertyuiopqsdfghjklaxcvbnmz", strict=True))
_STREET_IN_FULL = 0.15
_STREET_KINDS = {"St": "Street", "Ave": "Avenue", "Rd": "Road", "Dr": "Drive", "Ln": "Lane"}
_PLAIN_GIVEN = tuple(slug(name).title() for name in GIVEN)
_PLAIN_FAMILY = tuple(slug(name).title() for name in FAMILY)
_NICKNAME_CODES = np.array([list(NICKNAMES).index(n) if n in NICKNAMES else -1 for n in GIVEN])


@dataclass(frozen=True)
class Persons:
    """One entry per person: the customers (of organisations the first contact), then colleagues."""

    customer: Ints  # entry of the customer that each is or works for
    works: Bools  # for an organisation that is a customer
    given: Ints
    family: Ints
    is_han: Bools
    gender: Ints
    birth_date: Instants
    new_family: Ints
    renamed_at: Instants
    addresses: Addresses
    new_addresses: Addresses
    moved_at: Instants
    email: pa.Array
    other_email: pa.Array
    shared_email: pa.Array  # of the family or the organisation
    mobile: PhoneNumbers
    has_mobile: Bools
    landline: PhoneNumbers
    has_landline: Bools
    has_placeholder_phone: Bools

    @property
    def count(self) -> int:
        """Count the persons."""
        return self.customer.size


def organisation_domains(people: People) -> pa.Array:
    """Give every organisation a domain of its own; null for persons."""
    slugs = [slug(name) for name in ORGANISATIONS]
    rank = rank_within(people.organisation)
    branch = pc.if_else(pa.array(rank == 0), "", pc.cast(pa.array(rank + 1), pa.string()))
    return pc.binary_join_element_wise(text(people.organisation, slugs), branch, ".example", "")


def draw_persons(
    rng: np.random.Generator,
    people: People,
    start: np.datetime64,
    end: np.datetime64,
    parameters: PeopleParameters,
) -> Persons:
    """Add colleagues in organisations, and to everybody what differs between systems."""
    organisations = np.flatnonzero(people.is_organisation)
    colleagues = np.repeat(
        organisations, rng.poisson(parameters.contacts_per_organisation, organisations.size)
    )
    customer = np.concatenate([np.arange(people.count), colleagues])
    size, extra = customer.size, colleagues.size
    _, sex, given, family = draw_names(rng, extra)
    given = np.concatenate([people.given, given])
    family = np.concatenate([people.family, family])
    is_han = np.concatenate([people.is_han, np.zeros(extra, dtype=np.bool_)])
    first_gender = np.where(people.is_organisation, rng.integers(0, 2, people.count), people.gender)
    gender = np.concatenate([first_gender, sex])
    works = people.is_organisation[customer]

    history_days = days_between(np.full(size, start), end)
    marries = (gender == _WOMAN) & ~is_han & (rng.random(size) < parameters.married_share)
    renamed_at = later(np.full(size, start, dtype="datetime64[s]"), rng.random(size) * history_days)
    moves = ~works & (rng.random(size) < parameters.moved_share)
    moved_at = later(np.full(size, start, dtype="datetime64[s]"), rng.random(size) * history_days)

    mobile, landline, has_mobile, has_landline = _draw_numbers(rng, people, customer, parameters)
    email, other_email, shared_email = _mailboxes(rng, people, customer, given, family, parameters)
    return Persons(
        customer=customer,
        works=works,
        given=given,
        family=family,
        is_han=is_han,
        gender=gender,
        birth_date=np.concatenate([people.birth_date, np.full(extra, np.datetime64("NaT", "D"))]),
        new_family=skewed(rng, np.full(size, _ENGLISH_FAMILIES)),
        renamed_at=only_if(marries, renamed_at),
        addresses=people.addresses.take(customer),
        new_addresses=draw_addresses(rng, size),
        moved_at=only_if(moves, moved_at),
        email=email,
        other_email=other_email,
        shared_email=shared_email,
        mobile=mobile,
        has_mobile=has_mobile,
        landline=landline,
        has_landline=has_landline,
        has_placeholder_phone=people.has_placeholder_phone[customer] & ~works,
    )


def _draw_numbers(
    rng: np.random.Generator, people: People, customer: Ints, parameters: PeopleParameters
) -> tuple[PhoneNumbers, PhoneNumbers, Bools, Bools]:
    """Give everybody a mobile number; the first of a household or an office is the landline.

    Second numbers count down from the end of the exchange 555 as long as first ones leave room,
    and lie in exchanges of their own beyond.
    """
    size = customer.size
    works = people.is_organisation[customer]
    first = people.phone.take(customer)
    owned = np.bincount(people.phone.area_code, minlength=1000)
    rank = rank_within(first.area_code)
    fits = rank + owned[first.area_code] < 9_800
    second = PhoneNumbers(
        first.area_code,
        np.where(fits, 555, 620 + rank // 10_000),
        np.where(fits, 9_999 - rank, rank % 10_000),
    )
    is_shared = people.shares_landline[customer] | works
    has_second = rng.random(size) < parameters.second_number_share
    is_first = np.arange(size) < people.count
    has_number = people.has_phone[customer]

    def choose(condition: Bools, yes: PhoneNumbers, no: PhoneNumbers) -> PhoneNumbers:
        return PhoneNumbers(
            np.where(condition, yes.area_code, no.area_code),
            np.where(condition, yes.exchange, no.exchange),
            np.where(condition, yes.line_number, no.line_number),
        )

    return (
        choose(is_shared, second, first),
        choose(is_shared, first, second),
        np.where(is_shared, rng.random(size) < 0.7, has_number & is_first),
        np.where(is_shared, has_number | works, has_second),
    )


def _mailboxes(
    rng: np.random.Generator,
    people: People,
    customer: Ints,
    given: Ints,
    family: Ints,
    parameters: PeopleParameters,
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Make everybody's usual address, another one, and the one shared with others."""
    works = people.is_organisation[customer]
    domain = organisation_domains(people).take(pa.array(customer))
    is_colleague = np.arange(customer.size) >= people.count
    rank = rank_within((customer * len(GIVEN) + given) * len(FAMILY) + family)
    at_work = pc.binary_join_element_wise(
        pc.binary_join_element_wise(
            text(given, [slug(name) for name in GIVEN]),
            text(family, [slug(name) for name in FAMILY]),
            ".",
        ),
        pc.if_else(pa.array(rank == 0), "", pc.cast(pa.array(rank + 1), pa.string())),
        "@",
        domain,
        "",
    )
    private = people.email.take(pa.array(customer))
    email = pc.if_else(pa.array(works), at_work, private)
    other = people.second_email.take(pa.array(customer))
    other = pc.if_else(pa.array(is_colleague), pa.scalar(None, pa.string()), other)
    other = pc.if_else(pa.array(works & ~is_colleague), private, other)

    has_box = (
        rng.random(int(people.household.max(initial=-1)) + 1) < parameters.family_mailbox_share
    )
    household = np.where(is_colleague, -1, people.household[customer])
    in_family = household >= 0
    in_family[in_family] = has_box[household[in_family]]
    family_box = pc.binary_join_element_wise(
        "the.",
        text(family, [slug(name) for name in FAMILY]),
        "s",
        pc.cast(pa.array(household), pa.string()),
        "@family.example",
        "",
    )
    office_box = pc.binary_join_element_wise("info", domain, "@")
    shared = pc.if_else(pa.array(in_family), family_box, pa.scalar(None, pa.string()))
    return email, other, pc.if_else(pa.array(works), office_box, shared)


@dataclass(frozen=True)
class Registrations:
    """One system's records of persons, in order of creation.

    `columns` has the same rows: given, family, new_family, renamed_at, email, mobile, landline,
    birth_date, gender, street, city, region, postal_code, the same with new_ and moved_at.
    """

    person: Ints
    created_at: Instants
    columns: dict[str, pa.Array]

    @property
    def count(self) -> int:
        """Count the records."""
        return self.person.size

    def at(self, person: Ints, instants: Instants) -> Ints:
        """Find the newest record a person has at an instant, before that the first; -1 if none."""
        if self.count == 0:
            return np.full(person.shape, -1)
        order = np.lexsort((self.created_at, self.person))
        width = np.int64(1) << 34  # seconds since 1970 for centuries
        keys = self.person[order] * width + _seconds(self.created_at[order])
        place = np.searchsorted(keys, person * width + _seconds(instants), side="right")
        before = np.maximum(place - 1, 0)
        after = np.minimum(place, self.count - 1)
        row = np.where(self.person[order[before]] == person, order[before], order[after])
        return np.where(self.person[row] == person, row, -1)

    def as_table(self, **more: pa.Array | np.ndarray) -> pa.Table:
        """Make a table of the records with their number from 1 and further columns."""
        return table(
            number=np.arange(1, self.count + 1),
            person=self.person,
            created_at=self.created_at,
            **self.columns,
            **more,
        )


def _seconds(instants: Instants) -> Ints:
    return np.asarray(instants.astype("datetime64[s]").astype(np.int64))


def register(
    rng: np.random.Generator,
    persons: Persons,
    person: Ints,
    created_at: Instants,
    manner: Registration,
    *,
    mailbox_is_key: bool = False,
    one_per_event: bool = False,
    taken_mailboxes: pa.Array | None = None,
) -> Registrations:
    """Write down persons as one system knows them.

    A person who is listed twice registers a second time, with the other mail address, unless
    there is `one_per_event`. With `mailbox_is_key` no two records have one address: who comes
    later has another one or none. Nobody gets one of `taken_mailboxes`.
    """
    in_order = np.lexsort((person, created_at))
    person, created_at = person[in_order], created_at[in_order]
    size = person.size

    def happens(share: float) -> Bools:
        return np.asarray(rng.random(size) < share)

    is_again = (rank_within(person) > 0) & (not one_per_event)
    moved_at, renamed_at = persons.moved_at[person], persons.renamed_at[person]
    is_told = happens(manner.told_of_changes)
    # A record made after the move has the new address from the start.
    starts_moved, starts_renamed = created_at >= moved_at, created_at >= renamed_at
    delay = rng.uniform(1, 30, size)
    moved_at = only_if(is_told & ~starts_moved, later(moved_at, delay))
    renamed_at = only_if(is_told & ~starts_renamed, later(renamed_at, delay))

    letters = _Letters(
        in_characters=persons.is_han[person] & happens(manner.characters),
        is_plain=happens(manner.plain_letters),
        is_capital=happens(manner.capitals),
    )
    given = letters.given(persons.given[person], happens(manner.nickname))
    given = misspell(rng, given, happens(manner.misspelled_name / 2) & ~letters.in_characters)
    family = letters.family(
        np.where(starts_renamed, persons.new_family[person], persons.family[person])
    )
    family = misspell(rng, family, happens(manner.misspelled_name / 2) & ~letters.in_characters)

    misspells_street = happens(manner.misspelled_street)
    has_address = happens(manner.address)
    first_address = _address_columns(
        rng, _current_addresses(persons, person, starts_moved), has_address, misspells_street
    )
    next_address = _address_columns(
        rng, persons.new_addresses.take(person), has_address, misspells_street
    )
    email = _emails(rng, persons, person, is_again, manner)
    if mailbox_is_key:
        own = (persons.other_email.take(pa.array(person)), persons.email.take(pa.array(person)))
        email = _without_repeats(email, *own)
    if taken_mailboxes is not None:
        is_taken = pc.is_in(email, value_set=taken_mailboxes.drop_null())
        email = pc.if_else(is_taken, pa.scalar(None, pa.string()), email)
    born = np.where(happens(manner.birth_date), persons.birth_date[person], np.datetime64("NaT"))
    return Registrations(
        person=person,
        created_at=created_at,
        columns={
            "given": given,
            "family": family,
            "new_family": letters.family(persons.new_family[person]),
            "renamed_at": pa.array(renamed_at),
            "email": email,
            **_phone_columns(rng, persons, person, manner),
            "birth_date": pa.array(born.astype("datetime64[D]")),
            "gender": words(persons.gender[person], GENDERS),
            **first_address,
            **{f"new_{name}": column for name, column in next_address.items()},
            "moved_at": pa.array(moved_at),
        },
    )


@dataclass(frozen=True)
class _Letters:
    """How the records of a system write names: in Chinese characters, without accents, SHOUTING."""

    in_characters: Bools
    is_plain: Bools
    is_capital: Bools

    def given(self, codes: Ints, is_short: Bools) -> pa.Array:
        """Write given names, some by their short form."""
        full = self._latin(codes, GIVEN, _PLAIN_GIVEN)
        short = text(_NICKNAME_CODES[codes], tuple(NICKNAMES.values()))
        written = pc.if_else(pa.array(is_short), pc.coalesce(short, full), full)
        return pc.coalesce(han_given(np.where(self.in_characters, codes, -1)), written)

    def family(self, codes: Ints) -> pa.Array:
        """Write family names."""
        written = self._latin(codes, FAMILY, _PLAIN_FAMILY)
        return pc.coalesce(han_family(np.where(self.in_characters, codes, -1)), written)

    def _latin(self, codes: Ints, names: tuple[str, ...], plain: tuple[str, ...]) -> pa.Array:
        written = pc.if_else(pa.array(self.is_plain), text(codes, plain), text(codes, names))
        return pc.if_else(pa.array(self.is_capital), pc.utf8_upper(written), written)


def _address_columns(
    rng: np.random.Generator, addresses: Addresses, has_address: Bools, is_misspelled: Bools
) -> dict[str, pa.Array]:
    """Write addresses, some with the street in full or slightly wrong."""
    city = np.where(has_address, addresses.city, -1)
    street = addresses.street_lines()
    in_full = rng.random(city.size) < _STREET_IN_FULL
    for short, full in _STREET_KINDS.items():
        spelled = pc.replace_substring_regex(street, f" {short}$", f" {full}")
        street = pc.if_else(pa.array(in_full), spelled, street)
    street = misspell(rng, street, is_misspelled)
    nothing = pa.scalar(None, pa.string())
    return {
        "street": pc.if_else(pa.array(has_address), street, nothing),
        "city": words(city, [city.name for city in CITIES]),
        "region": words(city, [city.state for city in CITIES]),
        "postal_code": pc.if_else(pa.array(has_address), addresses.postal_codes(), nothing),
    }


def _current_addresses(persons: Persons, person: Ints, has_moved: Bools) -> Addresses:
    old, new = persons.addresses.take(person), persons.new_addresses.take(person)
    return Addresses(
        house=np.where(has_moved, new.house, old.house),
        street=np.where(has_moved, new.street, old.street),
        city=np.where(has_moved, new.city, old.city),
        postal_end=np.where(has_moved, new.postal_end, old.postal_end),
    )


def _emails(
    rng: np.random.Generator, persons: Persons, person: Ints, is_again: Bools, manner: Registration
) -> pa.Array:
    """Choose one of a person's mailboxes for every record; some addresses are mistyped."""
    usual, other, shared = (
        column.take(pa.array(person))
        for column in (persons.email, persons.other_email, persons.shared_email)
    )
    draw = rng.random(person.size)
    takes_other = is_again | (draw < manner.other_email)
    email = pc.if_else(pa.array(takes_other), pc.coalesce(other, usual), usual)
    shared_rate = np.where(persons.works[person], manner.office_email, manner.family_email)
    takes_shared = rng.random(person.size) < shared_rate
    email = pc.if_else(pa.array(takes_shared), pc.coalesce(shared, email), email)
    is_given = rng.random(person.size) < manner.email
    email = pc.if_else(pa.array(is_given), email, pa.scalar(None, pa.string()))
    is_own = pc.fill_null(
        pc.and_(pc.is_valid(email), pc.invert(pc.starts_with(email, "test@"))), False
    )
    slips = (rng.random(person.size) < manner.misspelled_email) & is_own.to_numpy(
        zero_copy_only=False
    )
    mistyped = misspell(rng, email, slips, until="@")
    # A slip must not hit the address of somebody else.
    everybody = pa.concat_arrays([persons.email, persons.other_email, persons.shared_email])
    is_taken = pc.and_(pa.array(slips), pc.is_in(mistyped, value_set=everybody))
    email = pc.if_else(is_taken, email, mistyped)
    is_made_up = rng.random(person.size) < manner.placeholder
    return pc.if_else(pa.array(is_made_up), pa.scalar("test@test.com"), email)


def _without_repeats(email: pa.Array, *own: pa.Array) -> pa.Array:
    """Replace addresses that an earlier record has by one of their own, or by nothing."""
    taken: set[str] = set()
    kept: list[str | None] = []
    for given, *others in zip(email.to_pylist(), *(box.to_pylist() for box in own), strict=True):
        choice = (given, *others) if given else ()
        free = next((box for box in choice if box and box not in taken), None)
        kept.append(free)
        if free:
            taken.add(free)
    return pa.array(kept, pa.string())


def _phone_columns(
    rng: np.random.Generator, persons: Persons, person: Ints, manner: Registration
) -> dict[str, pa.Array]:
    """Write mobile number and landline; placeholders stand for both."""
    size = person.size
    spelling = rng.integers(0, PHONE_SPELLINGS, size)
    has_mobile = persons.has_mobile[person] & (rng.random(size) < manner.mobile)
    has_landline = persons.has_landline[person] & (rng.random(size) < manner.landline)
    nothing = pa.scalar(None, pa.string())
    mobile = pc.if_else(
        pa.array(has_mobile), persons.mobile.take(person).spelled(spelling), nothing
    )
    landline = pc.if_else(
        pa.array(has_landline), persons.landline.take(person).spelled(spelling), nothing
    )
    is_made_up = rng.random(size) < manner.placeholder
    is_placeholder = pa.array(persons.has_placeholder_phone[person] | is_made_up)
    zeros = pa.scalar("0000000000" if manner.mobile else None, pa.string())
    return {"mobile": pc.if_else(is_placeholder, zeros, mobile), "landline": landline}


def misspell(
    rng: np.random.Generator, column: pa.Array, rows: Bools, until: str | None = None
) -> pa.Array:
    """Make one slip of the keyboard in some cells: letters swapped, dropped, doubled, neighbours.

    Cells with fewer than four letters (before `until`) stay as they are.
    """
    entries = np.flatnonzero(rows & column.is_valid().to_numpy(zero_copy_only=False))
    draws = rng.random((entries.size, 2))
    cells = column.take(pa.array(entries)).to_pylist()
    slips = [_slip(cell, p, k, until) for cell, (p, k) in zip(cells, draws.tolist(), strict=True)]
    mask = np.zeros(len(column), dtype=np.bool_)
    mask[entries] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array(slips, pa.string()))


def _slip(word: str, place: float, kind: float, until: str | None) -> str:
    end = word.index(until) if until else len(word)
    letters = [i for i in range(1, end - 1) if word[i].isalpha() and word[i + 1].isalpha()]
    if len(letters) < 3:
        return word
    i = letters[int(place * len(letters))]
    middle = (
        word[i + 1] + word[i],
        word[i + 1],
        word[i] + word[i] + word[i + 1],
        _NEIGHBOURS.get(word[i], word[i]) + word[i + 1],
    )[int(4 * kind)]
    return word[:i] + middle + word[i + 2 :]
