"""Likeness without labels: a made-up register with second records, misprints and families."""

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.identity import candidates, kept_pairs, matching
from models.identity.comparisons import Grain
from models.identity.kept_pairs import Kept
from models.identity.matching import LEAST_PROBABILITY, Matches, Options, match_records
from models.identity.names import name_forms
from models.identity.patterns import write_likely_vectors
from models.identity.records import write_records

OPTIONS = Options(review_threshold=0.5, minimum_records=200, pairs_per_record=3.0, seed=1)
TEXTS = (
    *("given_name", "family_name", "generation", "organisation_name", "birth_date", "email"),
    *("phone", "email_domain", "web_domain"),
    *("street", "city", "postal_code", "national_id"),
)
GIVEN = [
    "james",
    "mary",
    "robert",
    "linda",
    "michael",
    "barbara",
    "william",
    "susan",
    "david",
    "karen",
    "thomas",
    "nancy",
]
FAMILY = [first + second for first in ("ander", "john", "peter", "wil", "thomp", "rob", "hen")
          for second in ("son", "sen", "sley", "field", "man", "ford", "ton", "well")]  # fmt: skip


@pytest.fixture(scope="module")
def register() -> pd.DataFrame:
    """400 people, a quarter with a second record: misprints, another phone, no e-mail."""
    draw = np.random.default_rng(3)
    people: list[dict[str, Any]] = []
    for person in range(400):
        given, family = draw.choice(GIVEN), draw.choice(FAMILY)
        born = date(1940, 1, 1) + timedelta(days=int(draw.integers(0, 22_000)))
        record = {
            "person": person,
            "given_name": given,
            "family_name": family,
            "birth_date": born.isoformat(),
            "email": f"{given}.{family}{draw.integers(0, 99)}@inbox.example",
            "phone": f"+1212555{person:04}",
            "street": f"{draw.integers(1, 900)} {draw.choice(FAMILY)} st",
            "city": draw.choice(["boston", "chicago", "denver"]),
            "postal_code": f"{draw.integers(10_000, 99_999)}",
        }
        people.append(record)
        if person % 4 == 0:
            misprint = family[:2] + family[3] + family[2] + family[4:]
            people.append(
                record | {"family_name": misprint, "email": None, "phone": f"+1213555{person:04}"}
            )
    # A couple at one address with one phone, a daughter with her mother's name, and a man who is
    # called Bob and Robert.
    home = people[0] | {"phone": "+12125559999", "street": "7 elm st", "postal_code": "02139"}
    couple = [
        home | {"person": 900, "given_name": "maria", "family_name": "rossi", "email": None},
        home | {"person": 901, "given_name": "jacob", "family_name": "rossi", "email": None},
    ]
    couple[1]["birth_date"] = None
    namesake = couple[0] | {"person": 902, "birth_date": "1999-08-08", "email": None}
    bob = people[2] | {"person": 903, "given_name": "robert", "family_name": "quincy"}
    bob |= {"phone": None, "email": None, "birth_date": "1975-05-05"}
    people += [*couple, namesake, bob, bob | {"given_name": "bob"}]
    frame = pd.DataFrame(people)
    frame["record_number"] = np.arange(1, len(frame) + 1)
    return frame


def as_records(register: pd.DataFrame, **columns: Any) -> pa.Table:
    """Bring the register into the shape that the step reads; `columns` are replaced."""
    frame = register.assign(
        **{"cluster": register["record_number"], "is_organisation": False, **columns}
    )
    texts = {
        name: pa.array(
            frame[name].where(frame[name].notna(), None) if name in frame else [None] * len(frame),
            pa.string(),
        )
        for name in TEXTS
    }
    return pa.table(
        {
            "record_number": pa.array(frame["record_number"]),
            "cluster": pa.array(frame["cluster"]),
            "is_organisation": pa.array(frame["is_organisation"]),
            "name_forms": pa.array(
                [
                    name_forms(name) if isinstance(name, str) else None
                    for name in frame["given_name"]
                ],
                pa.list_(pa.string()),
            ),
            **texts,
        }
    )


def match(
    records: pa.Table, options: Options = OPTIONS, con: duckdb.DuckDBPyConnection | None = None
) -> Matches:
    """Match in a database of an earlier build, or in one that keeps nothing."""
    con = con or duckdb.connect()
    con.register("given_records", records)
    write_records(con, "select * exclude (cluster) from given_records", "told_records")
    numbers = records["record_number"].to_numpy()
    cluster = np.arange(1, numbers.max() + 1)
    cluster[numbers - 1] = records["cluster"].to_numpy()
    found = match_records(con, "told_records", cluster, options)
    con.execute("drop table temp.told_records")
    return found


def kept_by(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of all tables that are kept, in order; of candidates those that are there."""
    tables = con.execute(
        "select schema_name || '.' || table_name from duckdb_tables() order by all"
    ).fetchall()
    rows = {name: con.execute(f"from {name} order by all").fetchall() for (name,) in tables}
    for name in rows.keys() & {"kept_person.candidates", "kept_organisation.candidates"}:
        rows[name] = con.execute(
            "select record_number_a, record_number_b, pattern, sum(change)::integer "
            f"from {name} group by all having sum(change) != 0 order by all"
        ).fetchall()
    return rows


@pytest.fixture(scope="module")
def matches(register: pd.DataFrame) -> Matches:
    return match(as_records(register), OPTIONS)


def pairs_of(matches: Matches, register: pd.DataFrame) -> pd.DataFrame:
    persons = register.set_index("record_number")["person"]
    return matches.pairs.assign(
        one=matches.pairs["record_number_a"].map(persons),
        other=matches.pairs["record_number_b"].map(persons),
    )


def test_second_records_are_found_and_strangers_are_not(
    matches: Matches, register: pd.DataFrame
) -> None:
    assert matches.statuses == {"person": "trained", "organisation": "too_few_records (0)"}
    pairs = pairs_of(matches, register)
    joined = pairs[(pairs["match_probability"] >= 0.9) & pairs["guard"].isna()]
    same = joined["one"] == joined["other"]
    assert same.sum() >= 99  # of 100 second records and one nickname
    assert (~same).sum() == 0
    assert (joined["record_number_a"] < joined["record_number_b"]).all()


def test_a_household_is_alike_and_guarded(matches: Matches, register: pd.DataFrame) -> None:
    pairs = pairs_of(matches, register).set_index(["one", "other"])
    couple = pairs.loc[(900, 901)]
    assert couple["match_probability"] > 0.5, "without the guard they would be put together"
    assert couple["guard"] == "household"
    assert pairs.loc[(900, 902), "guard"] == "birth_dates_differ"


def test_a_father_and_a_son_of_one_name_say_so(register: pd.DataFrame) -> None:
    """Sr. and Jr. in one home, and who says neither: without birth dates, all else alike."""
    home = register.iloc[8].to_dict() | {"family_name": "moretti", "birth_date": None}
    senior, junior, neither = (home | {"generation": said} for said in ("1", "2", None))
    grown = pd.concat([register, pd.DataFrame([senior, junior, neither])], ignore_index=True)
    grown["record_number"] = np.arange(1, len(grown) + 1)
    found = match(as_records(grown)).pairs.set_index(["record_number_a", "record_number_b"])
    first = len(register) + 1
    assert found.loc[(first, first + 1), "match_probability"] > 0.9
    assert found.loc[(first, first + 1), "guard"] == "generations_differ"
    assert pd.isna(found.loc[(first, first + 2), "guard"])


def test_a_place_brings_two_misprinted_names_together(register: pd.DataFrame) -> None:
    one = register.iloc[1].to_dict() | {"given_name": "albert", "family_name": "funderburk"}
    one |= {"birth_date": None, "email": None, "phone": None, "street": None}
    other = one | {"given_name": "alhert", "family_name": "funterburk"}
    grown = pd.concat([register, pd.DataFrame([one, other])], ignore_index=True)
    grown["record_number"] = np.arange(1, len(grown) + 1)
    found = match(as_records(grown)).pairs.set_index(["record_number_a", "record_number_b"])
    assert found.loc[(len(register) + 1, len(register) + 2), "match_probability"] > 0.9


def test_twins_are_told_by_the_records_that_bear_their_names(register: pd.DataFrame) -> None:
    """One birth date and home, two names on two records each; one on one record says nothing."""
    home = register.iloc[8].to_dict() | {"family_name": "moretti", "email": None}
    anna, paul, stray = (
        home | {"person": person, "given_name": name}
        for person, name in ((910, "anna"), (911, "paul"), (910, "gwen"))
    )
    grown = pd.concat([register, pd.DataFrame([anna, anna, paul, paul, stray])], ignore_index=True)
    grown["record_number"] = np.arange(1, len(grown) + 1)
    found = match(as_records(grown), OPTIONS)
    guards = found.pairs.set_index(["record_number_a", "record_number_b"])["guard"]
    first = len(register) + 1
    assert set(guards.loc[[(first + a, first + b) for a in (0, 1) for b in (2, 3)]]) == {
        "household"
    }
    assert guards.loc[[(first + a, first + 4) for a in range(4)]].isna().all()


def test_among_families_one_home_proves_little(register: pd.DataFrame) -> None:
    """A birth date copied from the sister, a missing name, a brother's name like hers."""
    draw = np.random.default_rng(9)
    homes: list[dict[str, Any]] = []
    for number in range(60):
        home = register.iloc[number].to_dict() | {
            "family_name": f"moretti{'abcdefghij'[number // 6]}",
            "street": f"{number} abbey way",
            "email": None,
            "phone": None,
        }
        for name in draw.choice(GIVEN, 4, replace=False):
            born = date(1940, 1, 1) + timedelta(days=int(draw.integers(0, 22_000)))
            homes.append(home | {"given_name": name, "birth_date": born.isoformat()})
    sister = homes[0] | {"given_name": "mary"}
    odd = [
        sister,
        sister | {"given_name": "kevin"},  # her birth date
        sister | {"given_name": None, "birth_date": None},
        sister | {"given_name": None},  # nothing but the name is missing
        sister | {"given_name": "marvin", "birth_date": "1999-09-19"},
    ]
    grown = pd.concat([register, pd.DataFrame(odd + homes[4:])], ignore_index=True)
    grown["record_number"] = np.arange(1, len(grown) + 1)
    found = match(as_records(grown)).pairs
    her = len(register) + 1
    of_her = found[found["guard"].isna() & (found["match_probability"] >= 0.6)]
    of_her = of_her[of_her["record_number_a"] == her].set_index("record_number_b")
    assert set(of_her.index) == {her + 3}
    assert "one home" in of_her.loc[her + 3, "evidence"]


def test_names_alone_say_less_where_the_two_are_reached_elsewhere(register: pd.DataFrame) -> None:
    name = {"given_name": "ottilie", "family_name": "xanthos", "person": 920}
    mailbox, phone, another = (
        name | contact
        for contact in (
            {"email": "otti@inbox.example"},
            {"phone": "+12125550000"},
            {"email": "x99@other.example"},
        )
    )
    grown = pd.concat([register, pd.DataFrame([mailbox, phone, another])], ignore_index=True)
    grown["record_number"] = np.arange(1, len(grown) + 1)
    found = match(as_records(grown), dataclasses.replace(OPTIONS, review_threshold=0.01))
    guards = found.pairs.set_index(["record_number_a", "record_number_b"])["guard"]
    first = len(register) + 1
    assert guards[(first, first + 1)] == guards[(first + 1, first + 2)] == "names_only"
    assert guards[(first, first + 2)] == "reached_elsewhere"


def test_a_mailbox_of_the_given_name_says_what_the_name_says(register: pd.DataFrame) -> None:
    """dorota.495 and dorota.657 say nothing; born a generation apart in one place they are two."""
    one = register.iloc[1].to_dict() | {
        "given_name": "dorota",
        "family_name": "stroh",
        "birth_date": "1977-08-01",
        "email": "dorota.495@inbox.example",
        "phone": None,
    }
    undated = one | {"birth_date": None, "email": "dorota.657@inbox.example"}
    daughter = one | {"birth_date": "2011-05-22", "street": None}
    daughter["email"] = "dorota.495@mail.example"
    grown = pd.concat([register, pd.DataFrame([one, undated, daughter])], ignore_index=True)
    grown["record_number"] = np.arange(1, len(grown) + 1)
    options = dataclasses.replace(OPTIONS, review_threshold=LEAST_PROBABILITY)
    pairs = match(as_records(grown), options).pairs
    pairs = pairs.set_index(["record_number_a", "record_number_b"])
    first = len(register) + 1
    assert "email +0.0" in pairs.loc[(first, first + 1), "evidence"]
    assert pairs.loc[(first, first + 2), "guard"] == "birth_dates_differ"


def test_a_nickname_is_the_name(matches: Matches, register: pd.DataFrame) -> None:
    pairs = pairs_of(matches, register)
    assert len(pairs[(pairs["one"] == 903) & (pairs["other"] == 903)]) == 1


def test_a_mailbox_without_a_name_finds_its_owner(register: pd.DataFrame) -> None:
    """A guest leaves the mailbox john.smith at another provider, and a phone."""
    owner = register.iloc[20]
    guest = {
        "person": owner["person"],
        "email": f"{owner['given_name']}.{owner['family_name']}@other.example",
        "phone": owner["phone"],
        "record_number": len(register) + 1,
    }
    grown = pd.concat([register, pd.DataFrame([guest])], ignore_index=True)
    pairs = pairs_of(match(as_records(grown), OPTIONS), grown)
    joined = pairs[(pairs["match_probability"] >= 0.8) & pairs["guard"].isna()]
    found = joined[joined["record_number_b"] == len(grown)]
    assert set(found["one"]) == {owner["person"]}


def test_what_rules_have_joined_is_not_scored_again(register: pd.DataFrame) -> None:
    found = match(as_records(register, cluster=register["person"]), OPTIONS)
    pairs = pairs_of(found, register)
    assert (pairs["one"] != pairs["other"]).all()


def test_equal_records_get_equal_scores_in_any_order(
    matches: Matches, register: pd.DataFrame
) -> None:
    shuffled = register.sample(frac=1, random_state=5)
    again = match(as_records(shuffled), OPTIONS)
    pd.testing.assert_frame_equal(again.parameters, matches.parameters, check_exact=True)
    pd.testing.assert_frame_equal(again.pairs, matches.pairs, check_exact=True)


def test_patterns_of_an_earlier_build_are_used_and_change_nothing(
    matches: Matches, register: pd.DataFrame
) -> None:
    """The earlier build knew 20 records fewer, and one by another name and birth date."""
    before = register.iloc[:-20].copy()
    before.loc[0, ["family_name", "birth_date"]] = ["elsewhere", "1931-01-01"]
    con, new = duckdb.connect(), duckdb.connect()
    match(as_records(before), con=con)
    match(as_records(register), con=new)
    count, count_new = (len(kept_by(each)["kept_person.candidates"]) for each in (con, new))
    assert 0 < count < count_new

    again = match(as_records(register), con=con)

    pd.testing.assert_frame_equal(again.pairs, matches.pairs, check_exact=True)
    pd.testing.assert_frame_equal(again.parameters, matches.parameters, check_exact=True)
    assert kept_by(con) == kept_by(new)

    assert not matches.pairs.empty
    con.execute("update kept_person.patterns set pattern = 0")
    assert match(as_records(register), con=con).pairs.empty


def test_a_model_without_a_training_scores_by_what_is_expected(register: pd.DataFrame) -> None:
    """Given names and postal codes alone: no columns of a training are stated."""
    others = ["family_name", "birth_date", "email", "phone", "street"]
    bare = register.assign(**dict.fromkeys(others), record_number=np.arange(1, len(register) + 1))
    con = duckdb.connect()
    first, again = (match(as_records(bare), con=con) for _ in range(2))
    assert first.statuses["person"] == "trained"
    assert con.execute("select count(*) from kept_person.lots").fetchall() == [(0,)]
    pd.testing.assert_frame_equal(again.parameters, first.parameters, check_exact=True)


def test_what_is_kept_of_records_serves_them_under_other_numbers(register: pd.DataFrame) -> None:
    """Three records were exported before all others, and every second one is a copy of another."""
    later = register.assign(record_number=register["record_number"] + 3)
    first = register.head(3).assign(record_number=[1, 2, 3])
    renumbered = pd.concat([first, later], ignore_index=True)
    con, new = duckdb.connect(), duckdb.connect()
    anew = match(as_records(renumbered), con=new)
    match(as_records(register), con=con)

    again = match(as_records(renumbered), con=con)

    pd.testing.assert_frame_equal(again.pairs, anew.pairs, check_exact=True)
    assert kept_by(con) == kept_by(new)


def test_tables_of_another_version_or_of_a_build_that_failed_are_not_used(
    matches: Matches, register: pd.DataFrame
) -> None:
    def forget_lessons(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("alter table kept_person.lessons drop value")

    def name_otherwise(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("drop table kept_person.too_large")
        con.execute("create table kept_person.groups as from kept_person.contents")

    def fail_at(step: str) -> Callable[[duckdb.DuckDBPyConnection], None]:
        def fail(con: duckdb.DuckDBPyConnection) -> None:
            with pytest.MonkeyPatch.context() as patch, pytest.raises(ArithmeticError):
                patch.setattr(matching, step, lambda *_: 1 / 0)
                match(as_records(register), con=con)

        return fail

    steps = ("compare_pairs", "_train", "write_likely_vectors")
    for spoil in (forget_lessons, name_otherwise, *map(fail_at, steps)):
        con = duckdb.connect()
        match(as_records(register), con=con)
        before = kept_by(con)
        con.execute("update kept_person.candidates set pattern = 0")
        spoil(con)
        again = match(as_records(register), con=con)
        pd.testing.assert_frame_equal(again.pairs, matches.pairs, check_exact=True)
        assert kept_by(con) == before


def test_pairs_that_days_took_out_are_left_out_now_and_then(
    register: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count_places(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        return con.execute(
            "select sum(change)::integer, count(*) from kept_person.candidates"
        ).fetchall()[0]

    con = duckdb.connect()
    match(as_records(register), con=con)
    changed = register.copy()
    changed.loc[:40, "street"] = "1 new st"
    match(as_records(changed), con=con)
    rows, places = count_places(con)
    assert rows < places
    monkeypatch.setattr(kept_pairs, "LARGEST_SHARE_OF_HOLES", 0.0)
    again = match(as_records(changed), con=con)
    assert count_places(con) == (rows, rows)
    pd.testing.assert_frame_equal(again.pairs, match(as_records(changed)).pairs, check_exact=True)


def test_pairs_of_untouched_records_are_not_looked_for_again(register: pd.DataFrame) -> None:
    con = duckdb.connect()
    match(as_records(register), con=con)
    for table in ("candidates", "hopeful", "patterns"):
        con.execute(f"delete from kept_person.{table}")
    newcomer = register.iloc[[0]].assign(record_number=len(register) + 1)
    grown = pd.concat([register, newcomer], ignore_index=True)
    found = match(as_records(grown), con=con)
    assert set(found.pairs["record_number_b"]) == {len(grown)}
    for table in ("candidates", "patterns"):
        con.execute(f"delete from kept_person.{table}")
    assert match(as_records(grown), con=con).statuses["person"] == "nothing_to_compare"


def test_random_days_give_what_a_new_start_gives(
    register: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records come, go and change, early and late; rules join them and let them go again.

    The budget is so small that groups grow too large for their reason, and shrink again. Mail
    domains become those of providers, and cease to be.
    """
    monkeypatch.setattr(matching, "SMALLEST_BUDGET", 1)
    turned, counted = set(), set()
    find = matching.find_candidates
    count_touched = candidates._count_touched_groups

    def noting(*arguments: Any) -> Any:
        too_large, redone = find(*arguments)
        before, now = (
            {
                row
                for row in zip(*groups.to_pydict().values(), strict=True)
                if row[0] != matching.WORK_DOMAIN
            }
            for groups in (arguments[5], too_large)
        )
        turned.update({"grew"} if now - before else (), {"shrank"} if before - now else ())
        return too_large, redone

    def counting_touched(con: duckdb.DuckDBPyConnection, grain: Grain, *others: Any) -> set[str]:
        moved = count_touched(con, grain, *others)
        counted.update(reason in moved for reason in grain.reasons)
        return moved

    monkeypatch.setattr(candidates, "_count_touched_groups", counting_touched)
    monkeypatch.setattr(matching, "find_candidates", noting)
    compared_anew = []
    take_out = matching.take_out

    def counting(con: duckdb.DuckDBPyConnection, kept: Kept, *arguments: Any) -> None:
        take_out(con, kept, *arguments)
        compared_anew.extend(
            con.execute(
                "select count(*) from found semi join turned on join_key_l = record_number "
                "where join_key_r in (select record_number from turned)"
            ).fetchall()
        )

    monkeypatch.setattr(matching, "take_out", counting)
    draw = np.random.default_rng(4)
    con = duckdb.connect()
    domains = [f"firm-{number}.example" for number in range(50)]
    today = register.assign(
        firm=draw.random(len(register)) < 0.4, email_domain=draw.choice(domains, len(register))
    )
    for day in range(8):
        count = len(today)
        # A few go on some days; some of another's values come to others: whole homes, and copies.
        gone = draw.choice(count, 4 * (day % 2), replace=False)
        today = today.drop(index=gone).reset_index(drop=True)
        for column in ("given_name", "birth_date", "phone", "street", "city"):
            at, other = draw.choice(len(today), 2, replace=False)
            today.loc[at, column] = today.loc[other, column]
        today = pd.concat([today, today.sample(6, random_state=day)], ignore_index=True)
        # Those that come may have been exported before all others, or in another order.
        if day % 4 == 3:
            today = today.iloc[np.roll(np.arange(len(today)), 6)].reset_index(drop=True)
        today["record_number"] = np.arange(1, len(today) + 1)
        # Rules join a few who share a street; what they joined yesterday they may not join today.
        cluster = today["record_number"].to_numpy().copy()
        sharing = today[today["street"].duplicated(keep=False)].groupby("street").indices
        for street in draw.choice(sorted(sharing), 10, replace=False):
            cluster[sharing[street]] = cluster[sharing[street][0]]
        options = dataclasses.replace(
            OPTIONS, minimum_records=100, pairs_per_record=draw.choice([0.5, 0.6, 0.7])
        )
        records = as_records(
            today,
            cluster=cluster,
            is_organisation=today["firm"],
            organisation_name=today["family_name"] + " " + today["city"],
        )

        again = match(records, options, con)

        new = duckdb.connect()
        anew = match(records, options, new)
        assert set(anew.statuses.values()) == {"trained"}
        pd.testing.assert_frame_equal(again.pairs, anew.pairs, check_exact=True)
        pd.testing.assert_frame_equal(again.parameters, anew.parameters, check_exact=True)
        assert kept_by(con) == kept_by(new), f"day {day}"
    assert turned == {"grew", "shrank"}, "groups that became too large, or ceased to be"
    assert counted == {True, False}, "counted by what changed, and anew as the limit moved"
    assert any(count for (count,) in compared_anew), "pairs of a domain that turned"


def test_pairs_that_their_patterns_drop_would_not_have_scored(
    register: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rare names agree more than frequent ones: the bound must know what Splink knows."""
    options = dataclasses.replace(OPTIONS, review_threshold=LEAST_PROBABILITY)
    counts = []
    score = matching._score

    def counting(con: duckdb.DuckDBPyConnection, *arguments: Any) -> pd.DataFrame:
        counts.append(con.execute("select count(*) from likely_pairs").fetchall()[0][0])
        return score(con, *arguments)

    monkeypatch.setattr(matching, "_score", counting)
    pruned = match(as_records(register), options)
    monkeypatch.setattr(
        matching,
        "write_likely_vectors",
        lambda *arguments: write_likely_vectors(*arguments[:5], 1e-300, *arguments[6:]),
    )
    whole = match(as_records(register), options)

    pd.testing.assert_frame_equal(pruned.pairs, whole.pairs, check_exact=True)
    assert len(pruned.pairs) <= counts[0] < 0.1 * counts[1]


def test_the_model_says_what_it_learnt(matches: Matches) -> None:
    model = matches.parameters
    by_attribute = model.groupby("attribute")
    assert by_attribute["m_probability"].sum().to_numpy() == pytest.approx(1, abs=1e-4)
    assert by_attribute["u_probability"].sum().to_numpy() == pytest.approx(1, abs=0.01)
    first, last = by_attribute["match_weight"].first(), by_attribute["match_weight"].last()
    assert (first > 0).all() and (last < 0).all()
    assert set(model["attribute"]) == {
        *("given_name", "family_name", "birth_date", "email", "phone", "address")
    }, "nobody states a national id"


def test_too_few_records_and_nothing_stated_give_a_status_and_no_pair(
    register: pd.DataFrame,
) -> None:
    few = match(as_records(register.head(150)), OPTIONS)
    assert few.statuses["person"] == "too_few_records (150)"
    assert few.pairs.empty and few.parameters.empty
    nothing = dict.fromkeys([name for name in TEXTS if name != "given_name"])
    bare = match(as_records(register, **nothing), OPTIONS)
    assert bare.statuses["person"] == "too_few_attributes"
    assert bare.pairs.empty


def test_a_model_may_find_nobody_alike(register: pd.DataFrame) -> None:
    """Incident to prevent: of no pairs at all the evidence was a column of numbers, and no text."""
    found = match(as_records(register), dataclasses.replace(OPTIONS, review_threshold=1.1))
    assert found.statuses["person"] == "trained"
    assert found.pairs.empty and not found.parameters.empty


def test_organisations_have_a_model_of_their_own(register: pd.DataFrame) -> None:
    names = (register["family_name"] + " " + register["street"].str.split().str[1]).to_numpy()
    firms = as_records(
        register,
        is_organisation=True,
        organisation_name=names,
        given_name=None,
        family_name=None,
        birth_date=None,
    )
    found = match(firms, dataclasses.replace(OPTIONS, review_threshold=0.9))
    assert found.statuses == {"person": "too_few_records (0)", "organisation": "trained"}
    pairs = pairs_of(found, register)
    same = pairs["one"] == pairs["other"]
    assert same.sum() >= 90
    assert set(found.parameters["grain"]) == {"organisation"}


def test_firms_on_one_switchboard_are_not_one(register: pd.DataFrame) -> None:
    names = (register["family_name"] + " " + register["street"].str.split().str[1]).to_numpy()
    names[[0, 4]] = ["zenith dental care", "quality logistics"]
    shared = register.copy()
    shared.loc[4, ["phone", "street", "postal_code", "city"]] = shared.loc[
        0, ["phone", "street", "postal_code", "city"]
    ].to_numpy()
    firms = as_records(
        shared,
        is_organisation=True,
        organisation_name=names,
        given_name=None,
        family_name=None,
        birth_date=None,
    )
    pairs = match(firms, dataclasses.replace(OPTIONS, review_threshold=0.01)).pairs
    numbers = set(register.loc[[0, 4], "record_number"])
    (guard,) = pairs.loc[
        pairs["record_number_a"].isin(numbers) & pairs["record_number_b"].isin(numbers), "guard"
    ]
    assert guard == "names_differ"
