"""What customers answer: NPS, satisfaction by dimension, reviews, effort after cases, needs.

The link from experience to answers is planted (`parameters.Satisfaction`): dimension by dimension,
with weights that add up to the overall answer.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from samples.draws import (
    Bools,
    Floats,
    Instants,
    Ints,
    days_between,
    later,
    next_number,
    only_if,
    pick,
    references,
    stack,
    table,
    words,
)
from samples.parameters import DIMENSIONS, NEEDS, Exits, Needs, Satisfaction
from samples.purchases import Orders
from samples.remarks import COMMENTS, EXIT_REASONS, FIRST_EXIT, REMARKS, TONES
from samples.service import Cases

SURVEY_TYPES = ("nps", "csat", "review", "ces", "other")
NPS, CSAT, REVIEW, CES, OTHER = range(5)
QUESTIONS = ("overall", *DIMENSIONS, *NEEDS)
OVERALL, SERVICE_QUALITY = 0, 1 + DIMENSIONS.index("service_quality")
FIRST_NEED = 1 + len(DIMENSIONS)

# Shares of delivered orders that are asked each survey; of solved cases that are asked any.
_ASKED_NPS, _ASKED_CSAT, _ASKED_REVIEW, _ASKED_CASE = 0.28, 0.12, 0.08, 0.5
_COMMENT_SHARE = 0.25
_CHINESE_SHARE = 0.15  # of comments


@dataclass(frozen=True)
class _Answers:
    """One entry per question asked; those of a questionnaire follow its first question."""

    person: Ints
    order: Ints
    case: Ints
    survey: Ints
    question: Ints
    score: Ints
    invited_at: Instants
    responded_at: Instants

    @property
    def scale(self) -> Ints:
        """Look up the lowest and highest value of every question's scale, in two columns."""
        return np.array([(0, 10), (1, 5), (1, 5), (1, 7), (1, 5)])[self.survey]

    @property
    def is_first(self) -> Bools:
        """Tell which entries begin a questionnaire."""
        return np.isin(self.question, (OVERALL, FIRST_NEED))


def survey_table(
    rng: np.random.Generator,
    customers: int,
    orders: Orders,
    cases: Cases,
    parameters: Satisfaction,
    exit_rng: np.random.Generator,
    left_at: Instants,
    exits: Exits,
    needs_rng: np.random.Generator,
    seen_at: Instants,
    end: np.datetime64,
    needs: Needs,
) -> pa.Table:
    """Make every question asked, answered or not, by questionnaire in order of invitation.

    Exit surveys of those who left (`left_at`, by customer) are numbered after the rest, surveys of
    needs after those. seen_at: by customer, when the company got to know them.
    """
    attitude = rng.normal(0, parameters.customer_sd, customers)
    after_orders = _about_orders(rng, attitude, orders, parameters)
    after_cases = _about_cases(rng, attitude, cases, parameters)
    rows = stack([*after_orders, *after_cases])

    comment = _comments(rng, rows)
    answers, reasons = _exits(exit_rng, left_at, exits)
    asked = _about_needs(needs_rng, seen_at, end, needs, parameters)
    before_exits = int(rows.is_first.sum())
    before_needs = before_exits + int(answers.is_first.sum())
    return pa.concat_tables(
        [
            _numbered(rows, comment, 0),
            _numbered(answers, reasons, before_exits),
            _numbered(asked, np.full(asked.person.size, -1), before_needs),
        ]
    ).unify_dictionaries()


def _numbered(rows: _Answers, comment: Ints, before: int) -> pa.Table:
    """Make the questions asked, by questionnaire in order of invitation, with numbers behind."""
    is_first = rows.is_first
    first = np.flatnonzero(is_first)
    by_time = np.argsort(rows.invited_at[first], kind="stable")
    response = np.empty_like(first)
    response[by_time] = before + np.arange(1, first.size + 1)
    response_of_row = response[np.cumsum(is_first) - 1]
    in_order = np.argsort(response_of_row, kind="stable")
    scale = rows.scale
    return table(
        response_number=response_of_row[in_order],
        question=words(rows.question[in_order], QUESTIONS),
        person=rows.person[in_order],
        order_number=references(next_number(rows.order)[in_order]),
        case_number=references(next_number(rows.case)[in_order]),
        survey=words(rows.survey[in_order], SURVEY_TYPES),
        score=rows.score[in_order],
        scale_min=scale[in_order, 0],
        scale_max=scale[in_order, 1],
        comment=words(comment[in_order], [text.text for text in COMMENTS]),
        channel=words(np.where(rows.survey == REVIEW, 1, 0)[in_order], ("email", "web")),
        invited_at=rows.invited_at[in_order],
        responded_at=rows.responded_at[in_order],
    )


def _about_orders(
    rng: np.random.Generator, attitude: Floats, orders: Orders, parameters: Satisfaction
) -> list[_Answers]:
    """Ask after deliveries: NPS, all dimensions, or a review."""
    draw = rng.random(orders.count)
    edges = np.cumsum((_ASKED_NPS, _ASKED_CSAT, _ASKED_REVIEW))
    survey = np.searchsorted(edges, draw, side="right")
    order = np.flatnonzero((survey < len(edges)) & ~np.isnat(orders.delivered_at))
    survey = np.array([NPS, CSAT, REVIEW])[survey[order]]

    per_day = np.array([parameters.per_day_late.get(name, 0.0) for name in DIMENSIONS])
    weights = np.array([parameters.driver_weights[name] for name in DIMENSIONS])
    felt = rng.normal(0, parameters.dimension_sd, (order.size, len(DIMENSIONS)))
    felt += attitude[orders.person[order], None]
    felt += np.minimum(orders.days_late[order], 5)[:, None] * per_day
    felt += orders.is_last[order, None] * parameters.before_dropout
    overall = (felt * weights).sum(axis=1) + rng.normal(0, parameters.overall_sd, order.size)

    invited_at = later(orders.delivered_at[order], rng.uniform(1, 4, order.size))
    responded_at = _responses(rng, invited_at, parameters)

    def ask(kind: int, questions: tuple[int, ...], scores: Ints) -> _Answers:
        chosen = np.flatnonzero(survey == kind)
        rows = np.repeat(chosen, len(questions))
        return _Answers(
            person=orders.person[order[rows]],
            order=order[rows],
            case=np.full(rows.size, -1),
            survey=np.full(rows.size, kind),
            question=np.tile(np.array(questions), chosen.size),
            score=scores[chosen].ravel(),
            invited_at=invited_at[rows],
            responded_at=responded_at[rows],
        )

    on_five = _score(parameters.overall_mean + overall, 1, 5)
    nps = parameters.nps_mean + parameters.nps_per_point * overall
    nps += rng.normal(0, parameters.nps_sd, order.size)
    dimensions = _score(parameters.dimension_mean + felt, 1, 5)
    return [
        ask(NPS, (OVERALL,), _score(nps, 0, 10)),
        ask(CSAT, tuple(range(FIRST_NEED)), np.column_stack([on_five, dimensions])),
        ask(REVIEW, (OVERALL,), on_five),
    ]


def _about_cases(
    rng: np.random.Generator,
    attitude: Floats,
    cases: Cases,
    parameters: Satisfaction,
) -> list[_Answers]:
    """Ask after solved cases: satisfaction or effort; slow solutions are felt."""
    draw = rng.random(cases.count)
    days = days_between(cases.opened_at, cases.resolved_at)
    felt = attitude[cases.person] + rng.normal(0, parameters.dimension_sd, cases.count)
    felt += parameters.per_doubling_of_resolution_days * np.log2(np.maximum(days, 0.1) / 2)
    invited_at = later(cases.resolved_at, rng.uniform(0.1, 1, cases.count))
    responded_at = _responses(rng, invited_at, parameters)

    def ask(chosen: Ints, kind: int, questions: tuple[int, ...], scores: Ints) -> _Answers:
        rows = np.repeat(chosen, len(questions))
        return _Answers(
            person=cases.person[rows],
            order=cases.order[rows],
            case=rows,
            survey=np.full(rows.size, kind),
            question=np.tile(np.array(questions), chosen.size),
            score=scores[chosen].ravel(),
            invited_at=invited_at[rows],
            responded_at=responded_at[rows],
        )

    noise = rng.normal(0, parameters.overall_sd, cases.count)
    satisfaction = np.column_stack(
        [
            _score(parameters.overall_mean + felt + noise, 1, 5),
            _score(parameters.dimension_mean + felt, 1, 5),
        ]
    )
    effort = _score(5 + 1.2 * felt, 1, 7)
    is_csat, is_ces = draw < _ASKED_CASE / 2, (draw >= _ASKED_CASE / 2) & (draw < _ASKED_CASE)
    return [
        ask(np.flatnonzero(is_csat), CSAT, (OVERALL, SERVICE_QUALITY), satisfaction),
        ask(np.flatnonzero(is_ces), CES, (OVERALL,), effort),
    ]


def _responses(
    rng: np.random.Generator, invited_at: Instants, parameters: Satisfaction
) -> Instants:
    """Draw when invitations are answered; NaT where they are not."""
    is_answered: Bools = rng.random(invited_at.size) < parameters.response_rate
    return only_if(is_answered, later(invited_at, rng.exponential(1.5, invited_at.size)))


def _score(latent: Floats, lowest: int, highest: int) -> Ints:
    return np.clip(np.rint(latent), lowest, highest).astype(np.int64)


def _comments(rng: np.random.Generator, rows: _Answers) -> Ints:
    """Choose comments that suit the score, for some of the overall questions; -1 elsewhere."""
    lowest, highest = rows.scale.T
    position = (rows.score - lowest) / (highest - lowest)
    tone = np.select([position >= 0.85, position >= 0.5], [0, 1], 2)
    has_comment = (rows.question == OVERALL) & (rng.random(rows.person.size) < _COMMENT_SHARE)
    draw = rng.random(rows.person.size)
    is_chinese = draw >= 1 - _CHINESE_SHARE
    within = np.where(
        is_chinese, (draw - 1 + _CHINESE_SHARE) / _CHINESE_SHARE, draw / (1 - _CHINESE_SHARE)
    )
    sizes = np.array([len(group) for group in REMARKS.values()])
    group = np.where(is_chinese, len(TONES), 0) + tone
    comment = (np.cumsum(sizes) - sizes)[group] + (sizes[group] * within).astype(np.int64)
    return np.where(has_comment, comment, -1)


def _exits(
    rng: np.random.Generator,
    left_at: Instants,
    parameters: Exits,
) -> tuple[_Answers, Ints]:
    """Ask customers who left why; returns the answers and their comments.

    left_at: by customer, NaT for those who did not leave.
    """
    left = np.flatnonzero(~np.isnat(left_at))
    invited_at = later(left_at[left], rng.uniform(60, 120, left.size))
    is_answered = rng.random(left.size) < parameters.response_rate
    responded_at = later(invited_at, rng.exponential(2.0, left.size))
    texts = np.array([len(group) for group in EXIT_REASONS.values()])
    first = FIRST_EXIT + np.cumsum(texts) - texts
    reason = pick(rng, [parameters.reason_shares[name] for name in EXIT_REASONS], left.size)
    comment = first[reason] + (texts[reason] * rng.random(left.size)).astype(np.int64)
    none = np.full(left.size, -1)
    answers = _Answers(
        person=left,
        order=none,
        case=none,
        survey=np.full(left.size, OTHER),
        question=np.full(left.size, OVERALL),
        score=1 + pick(rng, (0.45, 0.3, 0.15, 0.07, 0.03), left.size),
        invited_at=invited_at,
        responded_at=only_if(is_answered, responded_at),
    )
    return answers, comment


def _about_needs(
    rng: np.random.Generator,
    seen_at: Instants,
    end: np.datetime64,
    parameters: Needs,
    satisfaction: Satisfaction,
) -> _Answers:
    """Ask customers once a year what they buy for, beginning a month after they were first seen."""
    group = pick(rng, parameters.group_shares, seen_at.size)
    years = 1 + int(days_between(seen_at.min(), end) // 365)
    person = np.repeat(np.arange(seen_at.size), years)
    after = 30 + 365 * np.tile(np.arange(years), seen_at.size) + rng.uniform(0, 30, person.size)
    invited_at = later(seen_at[person], after)
    chosen = (rng.random(person.size) < parameters.asked_share) & (invited_at < end)
    person, invited_at = person[chosen], invited_at[chosen]
    means = np.array([[group[need] for need in NEEDS] for group in parameters.group_means])
    felt = rng.normal(means[group[person]], parameters.answer_sd)
    rows = np.repeat(np.arange(person.size), len(NEEDS))
    none = np.full(rows.size, -1)
    return _Answers(
        person=person[rows],
        order=none,
        case=none,
        survey=np.full(rows.size, OTHER),
        question=np.tile(FIRST_NEED + np.arange(len(NEEDS)), person.size),
        score=_score(felt, 1, 5).ravel(),
        invited_at=invited_at[rows],
        responded_at=_responses(rng, invited_at, satisfaction)[rows],
    )
