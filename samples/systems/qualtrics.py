"""Qualtrics: satisfaction with deliveries and with service, asked dimension by dimension.

A file per survey with three header rows: names, question texts (one holds a line break), ImportIds.
One survey is exported as TSV, which Qualtrics writes in UTF-16. Only responses are exported, not
invitations: unfinished ones among them, previews, tests and spam too, and answers to an anonymous
link. `survey_questions.csv` is the company's own table of what each column asks.
"""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import Ints, later, stream, text
from samples.parameters import DIMENSIONS, NEEDS
from samples.registrations import register
from samples.systems.exporting import (
    NO_ORDERS,
    Export,
    System,
    identities,
    opened,
    with_columns,
)
from samples.systems.ids import random_looking_ids, shopify_customer_ids
from samples.systems.landscape import SHOPPER, Landscape, column

_UNFINISHED_SHARE = 0.05  # of invitations without an answer
_PREVIEW_SHARE = 0.012  # of responses: shown again as previews, tests or spam
_KNOWN_SHOP_ID_SHARE = 0.5  # of recipients with a shop account

_LEAD = {
    "StartDate": ("Start Date", "to_second(started_at)"),
    "EndDate": ("End Date", "to_second(recorded_at)"),
    "Status": ("Response Type", "status"),
    "IPAddress": ("IP Address", "printf('192.0.2.%d', response_number % 254 + 1)"),
    "Progress": ("Progress", "if(is_finished, 100, 38)"),
    "Duration (in seconds)": (
        "Duration (in seconds)",
        "datediff('second', started_at::timestamp, recorded_at::timestamp)",
    ),
    "Finished": ("Finished", "if(is_finished, 'True', 'False')"),
    "RecordedDate": ("Recorded Date", "to_second(recorded_at)"),
    "ResponseId": ("Response ID", "response_id"),
    "RecipientLastName": ("Recipient Last Name", "family"),
    "RecipientFirstName": ("Recipient First Name", "given"),
    "RecipientEmail": ("Recipient Email", "email"),
    "ExternalReference": ("External Data Reference", "external_reference"),
    "DistributionChannel": ("Distribution Channel", "distribution_channel"),
    "UserLanguage": ("User Language", "language"),
}
_SATISFIED = "How satisfied are you with\n%s?"
_COMMENT = "What could we do better?"

# Column, text, value and meaning (survey type, dimension, scale) of what each survey asks.
_Question = tuple[str, str, str, tuple[str, str, int | None, int | None]]
_SURVEYS: dict[str, tuple[_Question, ...]] = {
    "Order experience": (
        ("Q1", _SATISFIED % "your order overall", "overall", ("csat", "overall", 1, 5)),
        *(
            (
                f"Q2_{n}",
                f"… and with - {dimension.replace('_', ' ')}",
                dimension,
                ("csat", dimension, 1, 5),
            )
            for n, dimension in enumerate(DIMENSIONS, start=1)
        ),
        ("Q3", _COMMENT, "comment", ("comment", "overall", None, None)),
        ("OrderNumber", "OrderNumber", "order_name", ("order_id", "", None, None)),
    ),
    "Service follow-up": (
        ("Q1", _SATISFIED % "our service overall", "overall", ("csat", "overall", 1, 5)),
        (
            "Q2",
            _SATISFIED % "how we treated you",
            "service_quality",
            ("csat", "service_quality", 1, 5),
        ),
        ("Q3", _COMMENT, "comment", ("comment", "overall", None, None)),
        ("CaseNumber", "CaseNumber", "case_reference", ("case_id", "", None, None)),
    ),
    "Exit survey": (
        ("Q1", "How likely are you to come back?", "overall", ("other", "overall", 1, 5)),
        ("Q2", "Why did you leave?", "comment", ("comment", "overall", None, None)),
    ),
    "What matters to you": (
        *(
            (
                f"Q1_{n}",
                f"How important is it that our products - {wish}",
                need,
                ("other", need, 1, 5),
            )
            for n, (need, wish) in enumerate(
                zip(NEEDS, ("do their work", "feel good", "are seen by others"), strict=True),
                start=1,
            )
        ),
    ),
    "Service effort": (
        ("Q1", "The company made it easy to solve my issue.", "overall", ("ces", "overall", 1, 7)),
        ("CaseNumber", "CaseNumber", "case_reference", ("case_id", "", None, None)),
    ),
}
_TSV = "Service follow-up"


def _export(survey: str) -> Export:
    questions = _SURVEYS[survey]
    names = [*_LEAD, *(question[0] for question in questions)]
    texts = [*(label for label, _ in _LEAD.values()), *(question[1] for question in questions)]
    imports = [
        *(_import_id(name[0].lower() + name[1:]) for name in _LEAD),
        *(_import_id(f"QID{n}_TEXT" if name.startswith("Q") else name) for n, name in
          enumerate(names[len(_LEAD):], start=1)),
    ]  # fmt: skip
    values = [*(value for _, value in _LEAD.values()), *(question[2] for question in questions)]
    listed = ", ".join(f'{value} as "{name}"' for name, value in zip(names, values, strict=True))
    return Export(
        "responses",
        f"{{date}}/{survey}_{{date}}.{'tsv' if survey == _TSV else 'csv'}",
        f"""
        select {listed} from responses
        where survey_name = '{survey}' and is_new(seen(recorded_at))
        order by recorded_at, response_id
        """,
        header=[names, texts, imports],
        delimiter="\t" if survey == _TSV else ",",
        encoding="utf-16" if survey == _TSV else "utf-8",
    )


def _import_id(name: str) -> str:
    return json.dumps({"ImportId": name}, separators=(",", ":"))


EXPORTS = (
    *(_export(survey) for survey in _SURVEYS),
    Export(
        "survey_questions",
        "{date}/survey_questions.csv",
        "select * from survey_questions where is_first_export()",
    ),
)


def qualtrics_system(landscape: Landscape) -> System:
    """Make what Qualtrics holds."""
    responses, person = _responses(landscape)
    is_named = responses["email"].is_valid().combine_chunks()
    is_named = pc.or_(is_named, responses["external_reference"].is_valid().combine_chunks())
    counts = pc.equal(responses["status"].combine_chunks(), "IP Address")
    named = pc.and_(is_named, counts)
    ids = responses["response_id"].combine_chunks().filter(named)
    return System(
        name="qualtrics",
        exports=EXPORTS,
        tables={"responses": responses, "survey_questions": _survey_questions()},
        identities=identities(
            source_object="responses",
            record=pc.binary_join_element_wise("response:", ids, ""),
            person=person[np.asarray(named)],
            known_at=column(responses, "recorded_at")[np.asarray(named)],
        ),
        orders=NO_ORDERS,
    )


def _survey_questions() -> pa.Table:
    rows = [
        (survey, question[0], *question[3])
        for survey, questions in _SURVEYS.items()
        for question in questions
    ]
    names = ("survey", "question_column", "survey_type", "dimension", "scale_min", "scale_max")
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _responses(landscape: Landscape) -> tuple[pa.Table, Ints]:
    """Make one row per response, with who gave it."""
    rng = stream(landscape.seed, "qualtrics")
    wide = _questionnaires(landscape)
    answered_at, invited_at = column(wide, "responded_at"), column(wide, "invited_at")
    is_finished = ~np.isnat(answered_at)
    is_begun = ~is_finished & (rng.random(wide.num_rows) < _UNFINISHED_SHARE)
    chosen = np.flatnonzero(is_finished | is_begun)
    # Some rows stand in the file a second time as something else than an answer.
    again = chosen[rng.random(chosen.size) < _PREVIEW_SHARE]
    rows = np.concatenate([chosen, again])
    is_noise = np.arange(rows.size) >= chosen.size
    kind = np.where(is_noise, rng.integers(1, 4, rows.size), 0)
    recorded_at = np.where(is_finished, answered_at, later(invited_at, 7.0))[rows]
    person = landscape.actors("surveys", column(wide, "person"))[rows]
    records = register(
        rng,
        landscape.persons,
        person,
        recorded_at,
        landscape.company.parameters.people.registration["qualtrics"],
        one_per_event=True,
    )
    # Registrations are in order of time, then of person.
    in_order = np.lexsort((person, recorded_at))
    rows, kind, person = rows[in_order], kind[in_order], person[in_order]
    recorded_at = recorded_at[in_order]
    is_anonymous = (
        rng.random(rows.size) < landscape.company.parameters.people.anonymous_answer_share
    )
    is_unnamed = pa.array(is_anonymous | (kind > 0))
    account = landscape.shopify.at(person, recorded_at)
    is_known = (account >= 0) & (rng.random(rows.size) < _KNOWN_SHOP_ID_SHARE)
    is_known &= landscape.shopify.created_at[np.maximum(account, 0)] <= recorded_at
    shop_id = pc.binary_join_element_wise(
        "shopify", shopify_customer_ids(np.where(is_known, account + 1, 0)), ":"
    )
    nothing = pa.scalar(None, pa.string())
    content = wide.take(pa.array(rows)).drop_columns(["responded_at", "person"])
    minutes = rng.uniform(0.5, 9, rows.size)
    return with_columns(
        content,
        response_id=random_looking_ids("R_", np.arange(1, rows.size + 1)),
        started_at=later(recorded_at, -minutes / 1440),
        recorded_at=recorded_at,
        is_finished=is_finished[rows],
        status=text(kind, ("IP Address", "Survey Preview", "Survey Test", "Spam")),
        given=pc.if_else(is_unnamed, nothing, records.columns["given"]),
        family=pc.if_else(is_unnamed, nothing, records.columns["family"]),
        email=pc.if_else(is_unnamed, nothing, records.columns["email"]),
        external_reference=pc.if_else(is_unnamed, nothing, shop_id),
        distribution_channel=text(
            np.where(kind > 0, 2, is_anonymous * 1), ("email", "anonymous", "preview")
        ),
        language=text(landscape.persons.is_han[person] * 1, ("EN", "ZH-S")),
    ), person


def _questionnaires(landscape: Landscape) -> pa.Table:
    """Put the questions of a questionnaire side by side."""
    content = landscape.surveys_of("qualtrics")
    content = with_columns(
        content,
        order_name=landscape.order_names().take(landscape.order_entries(content)),
        in_zendesk=landscape.is_at(column(content, "person"), (SHOPPER,)),
    )
    listed = ", ".join(
        f"max(score) filter (where question = '{name}' and responded_at is not null) as {name}"
        for name in ("overall", *DIMENSIONS, *NEEDS)
    )
    with opened({"asked": content}) as con:
        return con.execute(
            f"""
            select
                response_number,
                any_value(person) as person,
                case
                    when any_value(survey) = 'ces' then 'Service effort'
                    when bool_or(question = '{NEEDS[0]}') then 'What matters to you'
                    when any_value(survey) = 'other' then 'Exit survey'
                    when any_value(case_number) is null then 'Order experience'
                    else 'Service follow-up'
                end as survey_name,
                {listed},
                max(comment) filter (where responded_at is not null) as comment,
                any_value(order_name) as order_name,
                if(
                    any_value(in_zendesk),
                    (10000 + any_value(case_number))::varchar,
                    printf('%08d', any_value(case_number))
                ) as case_reference,
                any_value(invited_at) as invited_at,
                any_value(responded_at) as responded_at
            from asked
            group by response_number
            order by response_number
            """
        ).to_arrow_table()
