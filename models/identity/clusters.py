"""Who is one customer in the end: links, from the surest to the weakest, under vetoes.

Belongs here: making clusters of records from links, ids that must not meet, and answers of people.
Does not: where links come from (dbt for identifiers, `matching` for likeness).
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

JOINED = ""
ANSWERED_DIFFERENT = "answered_different"
PARENT_AND_CHILD = "parent_and_child"
UNIQUE_IDS_DIFFER = "unique_ids_differ"
TOO_MANY_RECORDS = "too_many_records"


@dataclass(frozen=True)
class Links:
    """Pairs of records, by number from 0, that something speaks for joining; parallel arrays.

    `strength` orders them: a stronger link is made first. `is_limited` marks links by likeness
    alone, which may not bring more than a number of records together, nor two people.
    """

    a: Ints
    b: Ints
    strength: Floats
    is_limited: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Clusters:
    """What became of records and links.

    `senior`: for every record the smallest record number of its cluster. `refused`: for every link
    why it was not made, JOINED where it holds.
    """

    senior: Ints
    refused: npt.NDArray[np.object_]


def cluster_records(
    count: int,
    links: Links,
    *,
    apart: Mapping[str, tuple[Ints, Ints]],
    two_people: Mapping[str, tuple[Ints, Ints]],
    unique_ids: Mapping[str, Ints],
    largest_by_likeness: int,
) -> Clusters:
    """Join `count` records by the links as far as no veto speaks against it.

    `apart` holds, per reason, pairs that must not meet, `two_people` those that likeness alone may
    not bring together, not even by way of a third record. `unique_ids` holds, per kind of id of
    which a customer has one only, the id of every record as a code, -1 where it has none. A link is
    refused when the two clusters that it would join hold records kept apart or two ids of one kind,
    or, for likeness alone, when it would bring more than `largest_by_likeness` together. What surer
    links join counts once there: a hundred guest orders of one mailbox are one thing to be like.

    Links are made from the strongest to the weakest, of equals the more senior first, so that
    the outcome depends on nothing but the links. Only the components in which a veto could
    apply are walked link by link; all others are what the links connect.
    """
    component = connected(count, links.a, links.b)
    suspicious = np.zeros(component.max(initial=-1) + 1, dtype=np.bool_)
    for one, other in (*apart.values(), *two_people.values()):
        suspicious[component[one[component[one] == component[other]]]] = True
    for ids in unique_ids.values():
        suspicious[_holding_two(component, ids)] = True
    surely = ~links.is_limited
    senior_surely = _seniors(connected(count, links.a[surely], links.b[surely]))
    suspicious |= np.bincount(component[senior_surely], minlength=suspicious.size) > (
        largest_by_likeness
    )

    refused = np.full(links.a.size, JOINED, dtype=np.object_)
    walked = np.flatnonzero(suspicious[component[links.a]])
    order = walked[
        np.lexsort(
            (
                np.maximum(links.a, links.b)[walked],
                np.minimum(links.a, links.b)[walked],
                -links.strength[walked],
            )
        )
    ]
    if order.size:
        refused[order] = _walk(links, order, (apart, two_people), unique_ids, largest_by_likeness)
    made = refused == JOINED
    if not made.all():
        component = connected(count, links.a[made], links.b[made])
    return Clusters(_seniors(component)[component], refused)


def connected(count: int, a: Ints, b: Ints) -> Ints:
    """Return, for every record, the number of the component that the pairs make of it."""
    graph = coo_array((np.ones(a.size, dtype=np.int8), (a, b)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _seniors(component: Ints) -> Ints:
    """Return the first record of every component."""
    senior = np.empty(component.max(initial=-1) + 1, dtype=np.int64)
    senior[component[::-1]] = np.arange(component.size)[::-1]  # the last one assigned stays
    return senior


def _holding_two(component: Ints, ids: Ints) -> Ints:
    """Return the components in which two different ids occur."""
    known = ids >= 0
    pairs = np.unique(np.stack([component[known], ids[known]]), axis=1)
    return np.flatnonzero(np.bincount(pairs[0]) > 1) if pairs.size else pairs[0]


def _walk(
    links: Links,
    order: Ints,
    kept_apart: tuple[Mapping[str, tuple[Ints, Ints]], Mapping[str, tuple[Ints, Ints]]],
    unique_ids: Mapping[str, Ints],
    largest_by_likeness: int,
) -> list[str]:
    """Make the links in this order; return for each why it was refused, or JOINED.

    `kept_apart`: from all links, and from those by likeness.
    """
    a, b = links.a[order].tolist(), links.b[order].tolist()
    nodes = set(a) | set(b)
    parent = {node: node for node in nodes}
    size = dict.fromkeys(nodes, 1)  # what surer links join counts once
    ids = {
        node: {kind: int(codes[node]) for kind, codes in unique_ids.items() if codes[node] >= 0}
        for node in nodes
    }
    # Roots that must stay apart, and the first reason by name: from all links, from likeness.
    strangers: tuple[dict[int, dict[int, str]], ...] = (defaultdict(dict), defaultdict(dict))
    for known, reasons in zip(strangers, kept_apart, strict=True):
        for reason in sorted(reasons):
            for one, other in zip(*(side.tolist() for side in reasons[reason]), strict=True):
                if one in nodes and other in nodes:
                    known[one].setdefault(other, reason)
                    known[other].setdefault(one, reason)

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def veto(one: int, other: int, is_limited: bool) -> str:
        for known in strangers if is_limited else strangers[:1]:
            if other in known[one]:
                return known[one][other]
        if any(ids[one].get(kind, code) != code for kind, code in ids[other].items()):
            return UNIQUE_IDS_DIFFER
        if is_limited and size[one] + size[other] > largest_by_likeness:
            return TOO_MANY_RECORDS
        return JOINED

    verdicts = []
    for left, right, is_limited in zip(a, b, links.is_limited[order].tolist(), strict=True):
        one, other = root(left), root(right)
        verdict = JOINED if one == other else veto(one, other, is_limited)
        verdicts.append(verdict)
        if one == other or verdict != JOINED:
            continue
        if size[one] < size[other]:
            one, other = other, one
        parent[other] = one
        size[one] += size[other] - (not is_limited)
        ids[one] |= ids[other]
        for known in strangers:
            for stranger, reason in known.pop(other, {}).items():
                del known[stranger][other]
                if stranger != one:  # a surer link than likeness has joined the two
                    reason = min(reason, known[one].get(stranger, reason))
                    known[stranger][one] = known[one][stranger] = reason
    return verdicts
