"""The customer records that systems hold: one per customer, for some two or three.

A second record comes from registering again: with the same e-mail address spelled differently,
with another address but the same phone, or by a hand-made link between two records.
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
)
from samples.parameters import Identity
from samples.people import PHONE_SPELLINGS, Addresses, People, draw_addresses

_FIRST, _SAME_EMAIL, _SAME_PHONE, _LINKED_ID = range(4)

_MOVING_SHARE = 0.08
_MINUTE = 1 / 1440


@dataclass(frozen=True)
class Records:
    """One entry per customer record, by customer and then by age; `number` counts by age alone."""

    person: Ints
    number: Ints
    kind: Ints
    created_at: Instants
    first_of_person: Ints  # entry of each customer's first record
    count_of_person: Ints
    email: pa.Array
    phone: pa.Array
    linked_number: Ints  # number of the record this one is linked to
    moved_at: Instants
    new_addresses: Addresses

    def at(self, person: Ints, instants: Instants) -> Ints:
        """Find the number of the newest record a customer has at an instant.

        Before the first record existed, the first.
        """
        entry = self.first_of_person[person].copy()
        last = entry + self.count_of_person[person] - 1
        for _ in range(int(self.count_of_person.max()) - 1):
            following = np.minimum(entry + 1, last)
            entry = np.where(self.created_at[following] <= instants, following, entry)
        return self.number[entry]


def make_records(
    rng: np.random.Generator,
    people: People,
    first_seen: Instants,
    end: np.datetime64,
    identity: Identity,
) -> Records:
    """Register every customer shortly before they are first seen, some again later on."""
    count = 1 + people.has_duplicates
    count += people.has_duplicates & (rng.random(people.count) < identity.third_record_share)
    person = np.repeat(np.arange(people.count), count)
    position = rank_within(person)
    first_of_person = np.cumsum(count) - count

    created_at = later(first_seen[person], -_MINUTE * rng.integers(2, 10, person.size))
    for level in range(1, int(count.max())):
        entries = np.flatnonzero(position == level)
        previous = created_at[entries - 1]
        share = rng.uniform(0.05, 0.95, entries.size)
        created_at[entries] = later(previous, share * days_between(previous, end))
    number = np.empty_like(person)
    number[np.argsort(created_at, kind="stable")] = np.arange(1, person.size + 1)

    kind = np.where(position == 1, rng.integers(_SAME_EMAIL, _LINKED_ID + 1, person.size), _FIRST)
    kind[position == 2] = _SAME_EMAIL
    moved_at = later(
        created_at, rng.uniform(0.05, 0.95, person.size) * days_between(created_at, end)
    )
    return Records(
        person=person,
        number=number,
        kind=kind,
        created_at=created_at,
        first_of_person=first_of_person,
        count_of_person=count,
        email=_emails(rng, people, person, kind),
        phone=_phones(rng, people, person, kind),
        linked_number=np.where(kind == _LINKED_ID, number[first_of_person[person]], -1),
        moved_at=only_if(rng.random(person.size) < _MOVING_SHARE, moved_at),
        new_addresses=draw_addresses(rng, person.size),
    )


def _emails(rng: np.random.Generator, people: People, person: Ints, kind: Ints) -> pa.Array:
    """Take the customer's address, spell it differently in `same_email` records."""
    first = people.email.take(pa.array(person))
    second = people.second_email.take(pa.array(person))
    has_tag = rng.random(person.size) < 0.5
    tagged = pc.replace_substring(first, "@", "+shop@")
    respelled = pc.if_else(pa.array(has_tag), tagged, pc.utf8_title(first))
    email = pc.if_else(pa.array(kind == _FIRST), first, second)
    return pc.if_else(pa.array(kind == _SAME_EMAIL), respelled, email)


def _phones(rng: np.random.Generator, people: People, person: Ints, kind: Ints) -> pa.Array:
    """Write the customer's number in one of six spellings, a new one in every record."""
    spelling = rng.integers(0, PHONE_SPELLINGS, people.count)[person] + rank_within(person)
    written = people.phone.take(person).spelled(spelling % PHONE_SPELLINGS)
    is_given: Bools = people.has_phone[person] & (kind != _LINKED_ID)
    is_given &= (kind != _SAME_EMAIL) | (rng.random(person.size) < 0.5)
    is_placeholder = pa.array(people.has_placeholder_phone[person])
    written = pc.if_else(pa.array(is_given), written, pa.scalar(None, pa.string()))
    return pc.if_else(is_placeholder, pa.scalar("0000000000"), written)
