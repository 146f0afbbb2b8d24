"""Clusters under vetoes: what joins, what must not meet, and that no order of anything matters."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.identity.clusters import (
    ANSWERED_DIFFERENT,
    JOINED,
    TOO_MANY_RECORDS,
    UNIQUE_IDS_DIFFER,
    Clusters,
    Links,
    cluster_records,
)

COUNT = 12
Link = tuple[int, int, float, bool]


@dataclass(frozen=True)
class Case:
    """Records 0 to COUNT - 1, links of different strengths, pairs told apart, ids of one kind."""

    links: tuple[Link, ...]
    apart: tuple[tuple[int, int], ...] = ()
    ids: tuple[int, ...] = (-1,) * COUNT
    largest: int = COUNT
    two_people: tuple[tuple[int, int], ...] = ()

    def resolve(self) -> Clusters:
        a, b, strength, is_limited = zip(*self.links, strict=True) if self.links else ((),) * 4
        apart, two = (
            np.array(pairs, dtype=np.int64).reshape(-1, 2)
            for pairs in (self.apart, self.two_people)
        )
        return cluster_records(
            COUNT,
            Links(
                np.array(a, dtype=np.int64),
                np.array(b, dtype=np.int64),
                np.array(strength, dtype=np.float64),
                np.array(is_limited, dtype=np.bool_),
            ),
            apart={ANSWERED_DIFFERENT: (apart[:, 0], apart[:, 1])},
            two_people={"household": (two[:, 0], two[:, 1])},
            unique_ids={"national_id": np.array(self.ids, dtype=np.int64)},
            largest_by_likeness=self.largest,
        )


records = st.integers(0, COUNT - 1)
pairs = st.tuples(records, records).filter(lambda pair: pair[0] < pair[1])
cases = st.builds(
    Case,
    links=st.lists(
        st.tuples(pairs, st.sampled_from([0.5, 0.9, 0.95, 1.0]), st.booleans()).map(
            lambda link: (*link[0], link[1], link[2])
        ),
        max_size=25,
        unique_by=lambda link: (link[0], link[1], link[3]),
    ).map(tuple),
    apart=st.lists(pairs, max_size=4, unique=True).map(tuple),
    ids=st.lists(st.integers(-1, 2), min_size=COUNT, max_size=COUNT).map(tuple),
    largest=st.integers(2, COUNT),
    two_people=st.lists(pairs, max_size=4, unique=True).map(tuple),
)


def test_links_join_and_chains_too() -> None:
    found = Case(links=((4, 9, 0.9, False), (2, 4, 0.95, False), (6, 7, 0.9, True))).resolve()
    assert found.senior.tolist() == [0, 1, 2, 3, 2, 5, 6, 6, 8, 2, 10, 11]
    assert found.refused.tolist() == [JOINED] * 3


def test_the_weakest_link_gives_way_to_two_ids_of_one_kind() -> None:
    """1 and 3 have different ids: the link by phone is cut, the one by e-mail stays."""
    ids = tuple({1: 0, 3: 1}.get(record, -1) for record in range(COUNT))
    found = Case(links=((1, 2, 0.98, False), (2, 3, 0.95, False)), ids=ids).resolve()
    assert found.senior.tolist()[1:4] == [1, 1, 3]
    assert found.refused.tolist() == [JOINED, UNIQUE_IDS_DIFFER]


def test_who_was_told_apart_stays_apart_across_a_chain() -> None:
    links = ((1, 2, 1.0, False), (2, 3, 0.95, False), (3, 4, 0.98, False))
    found = Case(links=links, apart=((1, 4),)).resolve()
    assert found.senior.tolist()[1:5] == [1, 1, 3, 3]
    assert found.refused.tolist() == [JOINED, ANSWERED_DIFFERENT, JOINED]


def test_likeness_alone_brings_no_crowd_together_identifiers_may() -> None:
    chain = [(record, record + 1, 0.95) for record in range(5)]
    by_likeness = Case(links=tuple((*link, True) for link in chain), largest=3).resolve()
    assert np.bincount(by_likeness.senior).max() == 3
    assert TOO_MANY_RECORDS in by_likeness.refused.tolist()
    by_identifier = Case(links=tuple((*link, False) for link in chain), largest=3).resolve()
    assert by_identifier.senior.tolist()[:6] == [0] * 6
    # What identifiers have joined is one thing to be like, however many records it has.
    known = Case(links=(*((*link, False) for link in chain[:4]), (*chain[4], True)), largest=3)
    assert known.resolve().senior.tolist()[:6] == [0] * 6
    like = Case(links=(*known.links, (0, 7, 0.9, True), (0, 8, 0.9, True)), largest=3).resolve()
    assert np.bincount(like.senior).max() == 7 and like.refused.tolist()[-1] == TOO_MANY_RECORDS


def test_no_records_are_no_clusters() -> None:
    nothing = np.array([], dtype=np.int64)
    links = Links(nothing, nothing, nothing.astype(np.float64), nothing.astype(np.bool_))
    found = cluster_records(0, links, apart={}, two_people={}, unique_ids={}, largest_by_likeness=5)
    assert found.senior.size == 0


@settings(deadline=None, max_examples=150)
@given(cases)
def test_what_must_not_meet_never_does(case: Case) -> None:
    senior = case.resolve().senior
    assert all(senior[one] != senior[other] for one, other in case.apart)
    for cluster in np.unique(senior):
        members = np.flatnonzero(senior == cluster)
        assert members.min() == cluster
        assert len({case.ids[member] for member in members} - {-1}) <= 1


def test_no_third_record_brings_two_people_together_by_likeness() -> None:
    """T. Lee is like Tom and Tim Lee of one home: he goes to the one he is more like."""
    alike = ((0, 2, 0.99, True), (1, 2, 0.9, True))
    found = Case(links=alike, two_people=((0, 1),)).resolve()
    assert found.senior.tolist()[:3] == [0, 1, 0]
    assert found.refused.tolist() == [JOINED, "household"]
    known = Case(links=(*alike, (1, 2, 1.0, False)), two_people=((0, 1),)).resolve()
    assert known.senior.tolist()[:3] == [0, 1, 1], "an identifier says who he is"


@settings(deadline=None, max_examples=100)
@given(cases)
def test_two_people_meet_only_where_identifiers_say_so(case: Case) -> None:
    by_likeness = replace(case, links=tuple((*link[:3], True) for link in case.links))
    senior = by_likeness.resolve().senior
    assert all(senior[one] != senior[other] for one, other in case.two_people)


@settings(deadline=None, max_examples=150)
@given(cases)
def test_joined_links_and_nothing_else_connect(case: Case) -> None:
    """Clusters are the components of the links that hold, by a search of another kind; every
    refused link has a reason that is true of the final clusters or of what was joined before."""
    found = case.resolve()
    senior = list(range(COUNT))
    for _ in range(COUNT):
        for (one, other, _, _), refused in zip(case.links, found.refused, strict=True):
            if refused == JOINED:
                senior[one] = senior[other] = min(senior[one], senior[other])
    assert found.senior.tolist() == senior


@settings(deadline=None, max_examples=100)
@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_the_links_does_not_matter(case: Case, random: object) -> None:
    shuffled = list(case.links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = replace(
        case, links=tuple(shuffled), apart=case.apart[::-1], two_people=case.two_people[::-1]
    ).resolve()
    assert again.senior.tolist() == case.resolve().senior.tolist()


@settings(deadline=None, max_examples=100)
@given(cases)
def test_walking_every_link_gives_what_the_shortcut_gives(case: Case) -> None:
    """Components without a possible veto are not walked; a veto far away must not change them."""
    quiet = Case(links=case.links).resolve()
    watched = Case(links=(*case.links, (0, 1, 0.1, False)), largest=COUNT, apart=((0, 1),))
    expected = quiet.senior.tolist()
    if expected[0] != expected[1]:
        assert watched.resolve().senior.tolist() == expected


@settings(deadline=None, max_examples=100)
@given(cases, pairs)
def test_a_withdrawn_answer_leaves_no_trace(case: Case, pair: tuple[int, int]) -> None:
    before = case.resolve()
    answered = replace(case, apart=(*case.apart, pair)).resolve()
    assert answered.senior[pair[0]] != answered.senior[pair[1]]
    withdrawn = replace(case).resolve()
    assert withdrawn.senior.tolist() == before.senior.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_components_are_those_of_a_search(seed: int) -> None:
    """Random sparse graphs, long chains among them, against a search from every smallest node."""
    generator = np.random.default_rng(seed)
    count = 600
    pairs = {tuple(sorted(pair)) for pair in generator.integers(0, 400, (220, 2)).tolist()}
    edges = [(a, b) for a, b in pairs if a != b] + [(node, node + 1) for node in range(500, 540)]
    neighbours: dict[int, list[int]] = {node: [] for node in range(count)}
    for a, b in edges:
        neighbours[a].append(b)
        neighbours[b].append(a)
    expected: dict[int, int] = {}
    for start in range(count):
        waiting = [] if start in expected else [start]
        while waiting:
            node = waiting.pop()
            if node not in expected:
                expected[node] = start
                waiting += neighbours[node]
    a, b = np.array(edges, dtype=np.int64).T
    found = cluster_records(
        count,
        Links(a, b, np.full(a.size, 0.9), np.zeros(a.size, dtype=np.bool_)),
        apart={},
        two_people={},
        unique_ids={},
        largest_by_likeness=count,
    )
    assert dict(enumerate(found.senior.tolist())) == expected
