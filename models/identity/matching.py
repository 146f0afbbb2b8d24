"""Records that are alike although no identifier joins them: the statistical step, with Splink.

Belongs here: the model (Fellegi & Sunter 1969), its training on the company's own data without
labels, the scores. Does not: what is compared (`comparisons`), identifiers and their guards (dbt),
who becomes one customer in the end (`clusters`).

The model weighs every attribute by how often it agrees among records of one customer (m) and
of two (u). u comes from random pairs, m from expectation maximisation in Splink. Both are rounded,
so that equal input gives equal scores to the last bit.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.identity.comparisons import (
    BEYOND_NAMES,
    HOUSEHOLD,
    NAMES_ONLY,
    NAMESAKES,
    ORGANISATION,
    PERSON,
    REACHED_ELSEWHERE,
    SAYS_MORE,
    STREET_WORDS,
    TENANTS,
    Attribute,
    Grain,
    Level,
)
from models.identity.patterns import (
    NO_PATTERNS,
    compare_pairs,
    drop_hopeless_pairs,
    frequency_columns,
    patterns_to_keep,
    write_frequencies,
)

if TYPE_CHECKING:
    from splink import Linker

# Share of the customers' record pairs that the tight rules below find. Only the scale of the
# prior depends on it: .5 or .9 moves every score by less than half a bit.
RULES_RECALL = 0.7
SAMPLE_RECORDS = 500  # of random pairs for u: 125,000, in which one in fifty thousand shows
TRAINING_PAIRS = 100_000  # per training; more moves m in the third digit
LEAST_TRAINING_PAIRS = 50  # fewer train noise
PRIOR_PAIRS = 20.0  # matches that the expected m counts for, beside those that training found
LEAST_FILLED = 0.02  # share of records that must state an attribute for it to be compared
SMALLEST_BUDGET = 50_000  # pairs that every reason to compare may make, however few the records
LARGEST_FIRM = 0.01  # share of the mailboxes; a domain of more is a mail provider
UNSEEN = 1e-9  # u before sampling; what no random pair shows keeps it
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
    why no pair was looked at. `patterns`: what comparing gave, for the next build.
    """

    pairs: pd.DataFrame
    parameters: pd.DataFrame
    statuses: Mapping[str, str]
    patterns: pa.Table


def no_matches(status: str) -> Matches:
    """Return what there is when nothing was compared, and why."""
    statuses = {PERSON.name: status, ORGANISATION.name: status}
    return Matches(_NO_PAIRS, _NO_PARAMETERS, statuses, NO_PATTERNS)


def match_records(records: pa.Table, options: Options, kept: pa.Table = NO_PATTERNS) -> Matches:
    """Return every pair of records that is likely enough one customer to be looked at.

    `records` has one row per record: record_number, cluster (records that rules have joined share
    it; their pairs are not scored), is_organisation, given_name, family_name, name_forms (list),
    organisation_name, birth_date (ISO text), email, email_domain (also of mailboxes that many
    share), web_domain (of organisations), phone, street, city, postal_code, national_id; empty is
    None. Pairs below `options.review_threshold` are left out.
    People and organisations are compared apart, each with a model of its own. Data that teach no
    model give no pairs and a status that says why; that is no error. `kept` are patterns of an
    earlier build: they save comparing, and change nothing.
    """
    spelt = records.set_column(
        records.schema.get_field_index("street"),
        "street",
        pa.array([_street(text) for text in records["street"].to_pylist()], pa.string()),
    )
    found = {g.name: _match_grain(spelt, g, options, kept) for g in (PERSON, ORGANISATION)}
    return Matches(
        pairs=pd.concat([m.pairs for m in found.values()], ignore_index=True).sort_values(
            ["record_number_a", "record_number_b"], ignore_index=True
        ),
        parameters=pd.concat([m.parameters for m in found.values()], ignore_index=True),
        statuses={name: m.statuses[name] for name, m in found.items()},
        patterns=pa.concat_tables([m.patterns for m in found.values()]),
    )


def _street(text: str | None) -> str | None:
    """Return a street in one spelling."""
    return text and " ".join(STREET_WORDS.get(word, word) for word in text.split(" "))


def _match_grain(records: pa.Table, grain: Grain, options: Options, kept: pa.Table) -> Matches:
    with TemporaryDirectory(prefix="crm-warehouse-") as overflow, duckdb.connect() as con:
        # The whole step stays below the memory that is left beside Dagster and dbt on a small
        # machine; what does not fit goes to disk.
        con.execute("set memory_limit = '1500MB'")
        con.execute("set temp_directory = $folder", {"folder": overflow})
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
                   count(*) over (
                       partition by given_name, family_name, birth_date
                   ) as count_born_alike,
                   regexp_replace(email_name, '[^0-9]', '', 'g') as mailbox_digits,
                   contains(regexp_replace(email_name, '[^a-z]', '', 'g'), family_name)
                       as is_mailbox_name,
                   case when email_domain in (
                       select email_domain from stated
                       group by email_domain
                       having count(*) <= {LARGEST_FIRM} * (select count(email_domain) from stated)
                   ) then email_domain end as work_domain
            from named
            """
        )
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
        _find_pairs(con, grain, max(SMALLEST_BUDGET, int(options.pairs_per_record * count)))
        if _scalar(con, "select count(*) from pairs") == 0:
            return no_matches("nothing_to_compare")
        parameters, prior = _train(con, grain, attributes, filled, options.seed, count)
        compare_pairs(con, attributes, kept)
        write_frequencies(con, attributes)
        drop_hopeless_pairs(con, attributes, parameters, prior, LEAST_PROBABILITY)
        pairs = _score(con, grain, attributes, parameters, prior, options.review_threshold)
        table = _as_table(grain, attributes, parameters)
        return Matches(pairs, table, {grain.name: "trained"}, patterns_to_keep(con))


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
        f"select {', '.join(f'count({c}), approx_count_distinct({c})' for c in columns)} "
        "from records"
    ).fetchone()
    assert found is not None
    return frozenset(
        column
        for position, column in enumerate(columns)
        if found[2 * position] >= LEAST_FILLED * count and found[2 * position + 1] > 1
    )


def _levels_that_occur(attribute: Attribute, filled: frozenset[str]) -> tuple[Level, ...]:
    return tuple(
        level for level in attribute.levels if level.needs is None or level.needs in filled
    )


def _find_pairs(con: duckdb.DuckDBPyConnection, grain: Grain, budget: int) -> None:
    """Write the pairs worth comparing to the table `pairs`.

    Two records are compared when they agree in one of the grain's reasons. A reason is used up to
    the largest group with which it stays within `budget` pairs: a family name that thousands share
    says nothing, and comparing them all would take days. That is what blocking can reach.
    """
    con.execute("create table found (join_key_l integer, join_key_r integer)")
    for reason in grain.reasons.values():
        con.execute(
            "create or replace temp table reasons as "
            "select record_number::integer as record_number, cluster::integer as cluster, "
            f"hash({reason}) as reason from records where ({reason}) is not null"
        )
        con.execute(
            "create or replace temp table reason_sizes as select reason, count(*) as size "
            "from reasons group by reason having count(*) > 1 and min(cluster) != max(cluster)"
        )
        con.execute(
            """
            insert into found
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
    con.execute("create table pairs as select distinct join_key_l, join_key_r from found")
    for table in ("found", "reasons", "reason_sizes"):
        con.execute(f"drop table {table}")


def _train(
    con: duckdb.DuckDBPyConnection,
    grain: Grain,
    attributes: Sequence[Attribute],
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
            found = _trained_on(con, columns, attributes, start, prior, seed)
            for key, pairs in found.items():
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
    attributes: Sequence[Attribute],
    parameters: _Parameters,
    prior: float,
    seed: int,
) -> dict[tuple[str, str], float]:
    """Return how many matches show every level, among the pairs that agree in the columns.

    Expectation maximisation, u fixed. Attributes made of the columns themselves are left out:
    they always agree here. Nothing comes back where there is nothing to learn.
    """
    from splink.internals.exceptions import EMTrainingException

    if not any(set(columns).isdisjoint(attribute.needs) for attribute in attributes):
        return {}
    group = ", ".join(columns)
    # Whole groups, drawn by lot until they hold enough pairs.
    con.execute(
        f"""
        create or replace table drawn as
        select {group}, pairs
        from (
            select *, sum(pairs) over (order by hash({group}, {seed}), {group}) as so_far
            from (
                select {group}, count(*) * (count(*) - 1) // 2 as pairs
                from records
                where {" is not null and ".join(columns)} is not null
                group by {group}
                having count(*) > 1
            )
        )
        where so_far - pairs < {TRAINING_PAIRS}
        """
    )
    pairs = _scalar(con, "select coalesce(sum(pairs), 0) from drawn")
    if pairs < LEAST_TRAINING_PAIRS:
        return {}
    con.execute(
        "create or replace table lesson as "
        f"select records.* from records inner join drawn using ({group})"
    )
    linker = _linker(con, "lesson", attributes, parameters, prior)
    try:
        trained = linker.training.estimate_parameters_using_expectation_maximisation(
            " and ".join(f"l.{column} = r.{column}" for column in columns),
            estimate_without_term_frequencies=True,
            max_pairs=2 * TRAINING_PAIRS,  # the last group may be a crowd
        ).core_model_settings
    except (EMTrainingException, ValueError):
        # Every pair lacks the other attributes, or a level that no match shows sank to nothing.
        return {}
    matches = min(int(pairs), 2 * TRAINING_PAIRS) * trained.probability_two_random_records_match
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


def _splink_level(attribute: Attribute, level: Level, parameters: _Parameters) -> dict[str, Any]:
    m, u = parameters[(attribute.name, level.name)]
    frequency = level.frequency_of and {
        "tf_adjustment_column": level.frequency_of,
        "tf_adjustment_weight": 1.0,
        "tf_minimum_u_value": level.least_frequency,
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
    grain: Grain,
    attributes: Sequence[Attribute],
    parameters: _Parameters,
    prior: float,
    threshold: float,
) -> pd.DataFrame:
    """Score the pairs with the finished model; keep those from the threshold on."""
    con.execute(
        "create table likely as select * from records where record_number in "
        "(select join_key_l from pairs union select join_key_r from pairs)"
    )
    linker = _linker(con, "likely", attributes, parameters, prior)
    for column in frequency_columns(attributes):
        shares = linker._db_api.register(f"shares_of_{column}")
        linker.table_management.register_term_frequency_lookup(shares, column)
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
        if attribute.name in BEYOND_NAMES
    )
    guards = (
        f"when {TENANTS} then 'names_differ'"
        if grain is ORGANISATION
        else f"when {HOUSEHOLD} then 'household' when {NAMESAKES} then 'birth_dates_differ' "
        f"when {NAMES_ONLY} {nothing_else} then "
        f"case when {REACHED_ELSEWHERE} then 'reached_elsewhere' else 'names_only' end"
    )
    pairs = con.execute(
        f"""
        select
            record_number_l::bigint as record_number_a,
            record_number_r::bigint as record_number_b,
            match_probability,
            round(match_weight, {DIGITS}) as match_weight,
            {evidence} as evidence,
            case {guards} end as guard,
            {SAYS_MORE.format("a")} = {SAYS_MORE.format("b")} as is_balanced
        from {scored.physical_name}
        inner join likely as a on record_number_l = a.record_number
        inner join likely as b on record_number_r = b.record_number
        order by record_number_a, record_number_b
        """
    ).df()
    count = _scalar(con, "select count(*) from records")
    unguarded = pairs.loc[pairs["guard"].isna(), "match_weight"].to_numpy()
    pairs["match_weight"] = (
        pairs["match_weight"] + _prior_error(unguarded, prior, count * (count - 1) / 2)
    ).round(DIGITS)
    pairs["match_probability"] = (1 / (1 + np.exp2(-pairs["match_weight"]))).round(DIGITS)
    least = np.where(pairs["is_balanced"], RARE_NAMES, VERY_RARE_NAMES)
    pairs.loc[(pairs["guard"] == "names_only") & (pairs["match_weight"] >= least), "guard"] = None
    likely = pairs["match_probability"] >= threshold
    return pairs.loc[likely, list(_NO_PAIRS.columns)].reset_index(drop=True)


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
