"""Records that are alike although no identifier joins them: the statistical step, with Splink.

Belongs here: the model (Fellegi & Sunter 1969), its training on the company's own data without
labels, the scores. Does not: what is compared (`comparisons`), identifiers and their guards (dbt),
who becomes one customer in the end (`clusters`).

The model weighs every attribute by how often it agrees among records of one customer (m) and
of two (u). u comes from random pairs, m from expectation maximisation in Splink. Both are rounded,
so that equal input gives equal scores to the last bit.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.identity.candidates import find_candidates
from models.identity.changes import Ints, find_changes
from models.identity.comparisons import (
    BEYOND_NAMES,
    ORGANISATION,
    PERSON,
    Attribute,
    Grain,
    Level,
)
from models.identity.guards import guard_pairs
from models.identity.homes import weigh_homes
from models.identity.kept_pairs import Kept, let_go, open_kept, remember, take_out
from models.identity.lessons import SAMPLE_RECORDS, Lesson, draw_lessons, random_pairs
from models.identity.patterns import (
    compare_pairs,
    count_patterns,
    describe_contents,
    level_of,
    write_likely_vectors,
    write_training_vectors,
)

if TYPE_CHECKING:
    from splink import Linker

# Share of the customers' record pairs that the tight rules below find. Only the scale of the
# prior depends on it: .5 or .9 moves every score by less than half a bit.
RULES_RECALL = 0.7
PRIOR_PAIRS = 20.0  # matches that the expected m counts for, beside those that training found
LEAST_FILLED = 0.02  # share of records that must state an attribute for it to be compared
SMALLEST_BUDGET = 50_000  # pairs that every reason to compare may make, however few the records
LARGEST_FIRM = 0.01  # share of the mailboxes; a domain of more is a mail provider
WORK_DOMAIN = "work domain"  # kept among the groups that are too large: no reason is called so
DIGITS = 6
LEAST_PROBABILITY = 0.01  # pairs below it count for nothing when the prior is corrected
# Bits from which names alone will do, where nothing else can be held against them: of such pairs 88
# to 100 in 100 were one person. Where the two are reached in different ways it was every tenth.
RARE_NAMES = 3.0
# Where one is nothing but a name it would bring together all who bear it: half of those pairs.
VERY_RARE_NAMES = 6.0
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


def no_matches(status: str) -> Matches:
    """Return what there is when nothing was compared, and why."""
    statuses = {PERSON.name: status, ORGANISATION.name: status}
    return Matches(_NO_PAIRS, _NO_PARAMETERS, statuses)


def match_records(
    con: duckdb.DuckDBPyConnection, records: str, cluster: Ints, options: Options
) -> Matches:
    """Return every pair of records that is likely enough one customer to be looked at.

    `records` names a table as of `records.write_records`; `cluster` holds for every record number,
    from 1, the smallest number of those that rules have joined it with. Records of one cluster are
    not scored; pairs below `options.review_threshold` are left out.
    People and organisations are compared apart, each with a model of its own. Data that teach no
    model give no pairs and a status that says why; that is no error.

    The database keeps how pairs agree (`kept_pairs`): what an earlier build left there saves
    comparing, and changes nothing.
    """
    numbers = np.arange(1, cluster.size + 1, dtype=np.int32)
    con.register("clusters", pa.table({"record_number": numbers, "cluster": cluster}))
    found = {
        grain.name: _match_grain(con, records, cluster, grain, options)
        for grain in (PERSON, ORGANISATION)
    }
    con.unregister("clusters")
    return Matches(
        pairs=pd.concat([m.pairs for m in found.values()], ignore_index=True).sort_values(
            ["record_number_a", "record_number_b"], ignore_index=True
        ),
        parameters=pd.concat([m.parameters for m in found.values()], ignore_index=True),
        statuses={name: m.statuses[name] for name, m in found.items()},
    )


@contextmanager
def _scratch(con: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Give way to a database in memory, for as long as it takes; return the name of the other."""
    home = str(_scalar(con, "select current_database()"))
    # The whole step stays below the memory that is left beside Dagster and dbt on a small
    # machine; what does not fit goes to disk.
    limit = _scalar(con, "select current_setting('memory_limit')")
    con.execute("set memory_limit = '1500MB'")
    con.execute("set preserve_insertion_order = false")
    con.execute("attach ':memory:' as scratch")
    con.execute("use scratch")
    try:
        yield home
    finally:
        con.execute("drop view if exists temp.records")
        con.execute(f'use "{home}"')
        con.execute("detach scratch")
        con.execute("set preserve_insertion_order = true")
        con.execute(f"set memory_limit = '{limit}'")


def _match_grain(
    con: duckdb.DuckDBPyConnection,
    all_records: str,
    cluster: Ints,
    grain: Grain,
    options: Options,
) -> Matches:
    with _scratch(con) as home:
        _select_records(con, all_records, grain)
        count = _scalar(con, "select count(*) from records")
        if count < options.minimum_records:
            return no_matches(f"too_few_records ({count})")
        filled = _filled(con, grain, count)
        attributes = [
            replace(attribute, levels=_levels_that_occur(attribute, filled))
            for attribute in grain.attributes
            if any(column in filled for column in attribute.needs)
        ]
        if len(attributes) < grain.least_attributes:
            return no_matches("too_few_attributes")
        kept = open_kept(con, home, grain)
        contents = describe_contents(con, cluster, grain, attributes, options.seed)
        before, too_large_before = let_go(con, kept)
        changes = find_changes(before, contents)
        too_large, redone = find_candidates(
            con,
            grain,
            kept,
            max(SMALLEST_BUDGET, int(options.pairs_per_record * count)),
            changes,
            too_large_before,
            [at for at, rule in enumerate(grain.tight) if filled.issuperset(rule)],
            options.seed,
        )
        providers = con.execute(
            "select $reason as reason, hash(email_domain) as value "
            "from mail_providers order by all",
            {"reason": WORK_DOMAIN},
        ).to_arrow_table()
        too_large = pa.concat_tables([too_large, providers])
        _write_turned(con, too_large_before, too_large)
        take_out(con, kept, changes, redone)
        stay = _scalar(con, f"select coalesce(sum(pairs), 0) from {kept.patterns}")
        if stay == 0 and _scalar(con, "select count(*) from found") == 0:
            return no_matches("nothing_to_compare")
        lessons = draw_lessons(con, grain, attributes, filled, kept, changes, options.seed)
        compare_pairs(con, attributes, kept)
        parameters, prior = _train(con, attributes, kept, lessons, count)
        counts = dict(con.execute(f"from {kept.patterns}").fetchall())
        write_likely_vectors(
            con, grain, attributes, parameters, prior, LEAST_PROBABILITY, kept, counts
        )
        remember(con, kept, contents, too_large)
        guard_pairs(con, grain)
        homes = weigh_homes(counts, attributes, parameters)
        pairs = _score(con, grain, attributes, parameters, prior, homes, options.review_threshold)
        return Matches(pairs, _as_table(grain, attributes, parameters), {grain.name: "trained"})


def _select_records(con: duckdb.DuckDBPyConnection, all_records: str, grain: Grain) -> None:
    """Make the view `records` of those of a grain, and the table `mail_providers`."""
    con.execute(
        f"""
        create table mail_providers as
        select email_domain
        from {all_records}
        where {grain.condition} and email_domain is not null
        group by email_domain
        having count(*) > {LARGEST_FIRM} * (
            select count(email_domain) from {all_records} where {grain.condition}
        )
        """
    )
    # A variable: a join in the view would be made anew by all that reads it.
    con.execute("set variable mail_providers = (select list(email_domain) from mail_providers)")
    con.execute(
        f"""
        create or replace temp view records as
        select *,
               case when not coalesce(
                   list_contains(getvariable('mail_providers'), email_domain), false
               ) then email_domain end as work_domain
        from {all_records}
        where {grain.condition}
        """
    )


def _write_turned(con: duckdb.DuckDBPyConnection, before: pa.Table, now: pa.Table) -> None:
    """Write the table `turned`: records whose mail domain became a provider's, or ceased to be."""
    for name, groups in (("groups_before", before), ("groups_now", now)):
        con.register(name, groups)
    con.execute(
        """
        create table turned as
        with providers_before as (select value from groups_before where reason = $reason),
        providers_now as (select value from groups_now where reason = $reason)
        select record_number, email_domain
        from records
        where hash(email_domain) in (from providers_before except from providers_now)
           or hash(email_domain) in (from providers_now except from providers_before)
        """,
        {"reason": WORK_DOMAIN},
    )
    for name in ("groups_before", "groups_now"):
        con.unregister(name)


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


def _filled(con: duckdb.DuckDBPyConnection, grain: Grain, count: int) -> frozenset[str]:
    """Return the columns that enough records state, with more than one value."""
    columns = sorted({column for attribute in grain.attributes for column in attribute.needs})
    found = con.execute(
        f"select {', '.join(f'count({column})' for column in columns)} from records"
    ).fetchall()[0]
    return frozenset(
        column
        for column, stated in zip(columns, found, strict=True)
        if stated >= LEAST_FILLED * count and _has_values(con, column)
    )


def _has_values(con: duckdb.DuckDBPyConnection, column: str) -> bool:
    """Tell whether a column has more than one value: mostly the first records show it."""
    stated = f"select {column} from records where {column} is not null"
    first = con.execute(f"{stated} limit 1").fetchall()
    return bool(first and con.execute(f"{stated} and {column} != ? limit 1", first[0]).fetchall())


def _levels_that_occur(attribute: Attribute, filled: frozenset[str]) -> tuple[Level, ...]:
    """Return the levels for which there are columns; every match shows one of them."""
    levels = [level for level in attribute.levels if level.needs is None or level.needs in filled]
    total = sum(level.expected for level in levels)
    return tuple(replace(level, expected=level.expected / total) for level in levels)


def _train(
    con: duckdb.DuckDBPyConnection,
    attributes: Sequence[Attribute],
    kept: Kept,
    lessons: Sequence[Lesson],
    count: int,
) -> tuple[_Parameters, float]:
    """Learn m and u from the kept lessons; return them with the chance that two records match."""
    prior = _prior(_scalar(con, f"select pairs from {kept.tight_pairs}"), count)
    sampled = min(count, SAMPLE_RECORDS)
    count_random = sampled * (sampled - 1) / 2
    observed = _level_shares(attributes, count_patterns(con, random_pairs(kept)))
    known = {
        (attribute.name, level.name): level.bits
        for attribute in attributes
        for level in attribute.levels
        if level.bits is not None
    }
    expected = {
        (attribute.name, level.name): level.expected
        for attribute in attributes
        for level in attribute.levels
    }
    start = _without_matches(expected, observed, prior, count_random, known)
    counts = {key: PRIOR_PAIRS * m for key, m in expected.items()}
    # Sums over rows in the order of one thread: the same digits in every run.
    con.execute("set threads = 1")
    linker = _linker(con, attributes, start, prior)
    for lesson in lessons:
        for key, matches in _trained_on(
            con, linker, attributes, lesson.columns, lesson.pairs(kept)
        ).items():
            counts[key] += matches
    con.execute("reset threads")
    totals: dict[str, float] = defaultdict(float)
    for (attribute, _), matches in counts.items():
        totals[attribute] += matches
    learnt = {key: matches / totals[key[0]] for key, matches in counts.items()}
    return _without_matches(learnt, observed, prior, count_random, known), prior


def _level_shares(
    attributes: Sequence[Attribute], patterns: Mapping[int, int]
) -> dict[tuple[str, str], float]:
    """Return how many of the pairs that state an attribute show each of its levels."""
    shares = {}
    for position, attribute in enumerate(attributes):
        counts = [0] * (len(attribute.levels) + 1)
        for pattern, pairs in patterns.items():
            counts[level_of(pattern, position)] += pairs
        stated = max(sum(counts[1:]), 1)
        for level, pairs in zip(attribute.levels, counts[1:], strict=True):
            shares[(attribute.name, level.name)] = pairs / stated
    return shares


def _trained_on(
    con: duckdb.DuckDBPyConnection,
    linker: "Linker",
    attributes: Sequence[Attribute],
    columns: Sequence[str],
    pairs: str,
) -> dict[tuple[str, str], float]:
    """Return how many matches show every level, among the pairs that agree in the columns.

    Expectation maximisation, u fixed. Attributes made of the columns themselves are left out:
    they always agree here. Nothing comes back where there is nothing to learn. `pairs` is SQL that
    gives rows with a pattern.

    Splink's training begins with comparing the pairs. Here that has been done already, so it is
    given what comparing led to.
    """
    from splink.internals.blocking import BlockingRule
    from splink.internals.em_training_session import EMTrainingSession
    from splink.internals.exceptions import EMTrainingException

    api, settings = linker._db_api, linker._settings_obj
    write_training_vectors(con, attributes, pairs)
    session = EMTrainingSession(
        linker,
        api,
        BlockingRule(" and ".join(f"l.{column} = r.{column}" for column in columns), "duckdb"),
        settings.core_model_settings.copy(),
        settings.training_settings,
        settings.column_info_settings.unique_id_input_columns,
        fix_u_probabilities=True,
        estimate_without_term_frequencies=True,
    )
    try:
        session._train(
            api.table_to_splink_dataframe("__splink__df_comparison_vectors", "training_vectors")
        )
    except (EMTrainingException, ValueError):
        # Every pair lacks the other attributes, or a level that no match shows sank to nothing.
        return {}
    trained = session.core_model_settings
    count = _scalar(con, "select count(*) from training_vectors")
    matches = count * trained.probability_two_random_records_match
    return {
        (comparison.output_column_name, level.label_for_charts): matches * level._m_probability
        for comparison in trained.comparisons
        for level in comparison.comparison_levels
        if not level.is_null_level and isinstance(level._m_probability, float)  # a word if unseen
    }


def _prior(tight_pairs: int, count: int) -> float:
    """Return the chance that two random records are of one customer, from what tight rules find."""
    # Where the rules find nobody, one match among all the records is the most cautious guess.
    matches = max(tight_pairs / RULES_RECALL, 1.0)
    return min(0.5, round(matches / (count * (count - 1) / 2), 12))


def _without_matches(
    expected: Mapping[tuple[str, str], float],
    observed: Mapping[tuple[str, str], float],
    prior: float,
    random_pairs: float,
    known: Mapping[tuple[str, str], float],
) -> _Parameters:
    """Return the expected m with u of pairs of two customers; `known` are weights in bits.

    Random pairs hold a share `prior` of matches, which is most of the agreement on a birth date
    in small data: observed = prior * m + (1 - prior) * u. What was never observed counts as half
    an observation.
    """
    least = 0.5 / random_pairs
    corrected = {}
    for key, m in expected.items():
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
    attributes: Sequence[Attribute],
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
                        "sql_condition": _as_splink_sees(attribute.unknown),
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
    return Linker(
        DuckDBAPI(con).register("records"), settings, log_level=None, validate_settings=False
    )


def _splink_level(attribute: Attribute, level: Level, parameters: _Parameters) -> dict[str, Any]:
    m, u = parameters[(attribute.name, level.name)]
    frequency = level.frequency_of and {
        "tf_adjustment_column": level.frequency_of,
        "tf_adjustment_weight": 1.0,
        "tf_minimum_u_value": level.least_frequency,
    }
    return {
        "sql_condition": _as_splink_sees(level.condition),
        "label_for_charts": level.name,
        "m_probability": m,
        "u_probability": u,
        **(frequency or {}),
    }


def _as_splink_sees(condition: str) -> str:
    """Return a short condition that is made of the same columns.

    Splink is given what comparing led to, and asks of a condition which columns it is made of and
    whether it means that they are equal. To find out, every training would bring all of them into
    conjunctive normal form: .7 CPU s of a day.
    """
    if condition == "ELSE" or re.fullmatch(r"(\w+)_l = \1_r", condition):
        return condition
    columns = sorted(set(re.findall(r"\b\w+_[lr]\b", condition)))
    return f"compared({', '.join(columns)})"


def _score(
    con: duckdb.DuckDBPyConnection,
    grain: Grain,
    attributes: Sequence[Attribute],
    parameters: _Parameters,
    prior: float,
    homes: Mapping[int, float],
    threshold: float,
) -> pd.DataFrame:
    """Score the pairs with the finished model; keep those from the threshold on.

    `homes`: by pattern, the most bits that a pair of one home may have.
    """
    from splink.internals.pipeline import CTEPipeline
    from splink.internals.predict import predict_from_comparison_vectors_sqls_using_settings

    linker = _linker(con, attributes, parameters, prior)
    api = linker._db_api
    # What predict() does after it has compared the pairs.
    pipeline = CTEPipeline(
        [api.table_to_splink_dataframe("__splink__df_comparison_vectors", "likely_vectors")]
    )
    pipeline.enqueue_list_of_sqls(
        predict_from_comparison_vectors_sqls_using_settings(
            linker._settings_obj, threshold_match_probability=LEAST_PROBABILITY
        )
    )
    scored = api.sql_pipeline_to_splink_dataframe(pipeline)
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
        if attribute.name in BEYOND_NAMES
    )
    guards = (
        "when tenants or of_a_series then 'names_differ'"
        if grain is ORGANISATION
        else "when household then 'household' when namesakes then 'birth_dates_differ' "
        "when generations_differ then 'generations_differ' "
        f"when names_only {nothing_else} then "
        "case when reached_elsewhere then 'reached_elsewhere' else 'names_only' end"
    )
    con.execute(
        f"""
        create or replace table judged as
        select record_number_a::bigint as record_number_a,
               record_number_b::bigint as record_number_b,
               vector, case {guards} end as guard, is_balanced
        from guarded_pairs inner join {scored.physical_name} on vector = record_number_l
        """
    )
    # Many pairs agree in one way: what follows from the way is worked out once for all of them.
    ways = con.execute(
        f"""
        select vector, pattern, round(match_weight, {DIGITS}) as match_weight, pairs_unguarded,
               {evidence} as evidence
        from {scored.physical_name}
        inner join ways on record_number_l = vector
        left join (
            select vector, count(*) as pairs_unguarded from judged where guard is null group by all
        ) using (vector)
        order by vector
        """
    ).df()
    count = _scalar(con, "select count(*) from records")
    weight = ways["match_weight"].to_numpy()
    unguarded = np.repeat(weight, ways["pairs_unguarded"].fillna(0).to_numpy(np.int64))
    weight = (weight + _prior_error(unguarded, prior, count * (count - 1) / 2)).round(DIGITS)
    in_home = ways["pattern"].map(homes).to_numpy(np.float64)
    home = np.nan_to_num(np.minimum(in_home - weight, 0.0)).round(DIGITS)
    ways["match_weight"] = (weight + home).round(DIGITS)
    ways["match_probability"] = (1 / (1 + np.exp2(-ways["match_weight"]))).round(DIGITS)
    ways["evidence"] += [f", one home {bits:+.1f}" if bits else "" for bits in home]
    con.register("likely_ways", ways[ways["match_probability"] >= threshold])
    found = con.execute(
        """
        select record_number_a, record_number_b, match_probability, match_weight, evidence, guard,
               is_balanced
        from judged inner join likely_ways using (vector)
        order by record_number_a, record_number_b
        """
    )
    # By way of Arrow: texts need not become objects.
    pairs: pd.DataFrame = found.to_arrow_table().to_pandas()
    con.unregister("likely_ways")
    least = np.where(pairs["is_balanced"], RARE_NAMES, VERY_RARE_NAMES)
    pairs.loc[(pairs["guard"] == "names_only") & (pairs["match_weight"] >= least), "guard"] = None
    return pairs[list(_NO_PAIRS.columns)]


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
    grain: Grain, attributes: Sequence[Attribute], parameters: _Parameters
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
