"""Zendesk: the service cases of shoppers.

Incremental exports of the API: one JSON object per line, users as a page. Two pages of tickets
overlap, as they do at the edge. Some customers write a second ticket about the same matter, which
is merged into the first; some users are merged, too, and stay behind inactive, without an address.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import Ints, later, only_if, rank_within, stream, table
from samples.surveys import OVERALL, QUESTIONS
from samples.systems.exporting import (
    NO_ORDERS,
    Export,
    System,
    identities,
    with_columns,
)
from samples.systems.ids import shopify_customer_ids, spaced, zendesk_user_ids
from samples.systems.landscape import SHOPPER, Landscape, column

_AGENTS = 40
_SECOND_TICKET_SHARE = 0.03
_MERGED_USER_SHARE = 0.5  # of second records of a person
_KNOWN_SHOP_ID_SHARE = 0.4  # of users whose shop account is known
_REPEATED = 0.02  # of the tickets of a page: on the next page again
_FIELDS = {"Order": 360001, "Category": 360002, "Reason": 360003, "Complaint": 360004}

MACROS = (
    "create macro custom_field(id, cell) as {'id': id, 'value': cell}",
    """
    create macro comment(id) as json_object(
        'id', id, 'event_type', 'Comment', 'comment_present', true, 'comment_public', true
    )
    """,
    """
    create macro minutes_between(start, stop) as
        {
            'calendar': datediff('minute', start::timestamp, stop::timestamp),
            'business': null::bigint
        }
    """,
)

_TICKETS = f"""
    select
        ticket_id::bigint as id,
        null as external_id,
        {{'channel': channel}} as via,
        utc_z(opened_at) as created_at,
        utc_z(changed_at) as updated_at,
        'incident' as type,
        subject,
        subject || E'\\n\\nMy order is ' || coalesce(order_name, 'not known') || '.' as description,
        priority,
        status,
        user_id::bigint as requester_id,
        user_id::bigint as submitter_id,
        agent_id::bigint as assignee_id,
        null as organization_id,
        20455932 as group_id,
        if(is_complaint, ['complaint', category], [category]) as tags,
        [
            custom_field({_FIELDS["Order"]}, order_name),
            custom_field({_FIELDS["Category"]}, category),
            custom_field(
                {_FIELDS["Reason"]}, if(seen(analysed_at) is null, null, replace(reason, ' ', '_'))
            ),
            custom_field({_FIELDS["Complaint"]}, is_complaint::varchar)
        ] as custom_fields,
        {{'score': 'unoffered'}} as satisfaction_rating,
        merged_ticket_ids
    from known_tickets
"""
_KNOWN_TICKETS = """
    known_tickets as (
        select
            * replace (
                case channel
                    when 'phone' then 'voice' when 'social' then 'facebook' else channel
                end as channel
            ),
            case
                when seen(closed_at) is not null then 'closed'
                when seen(resolved_at) is not null then 'solved'
                when seen(reopened_at) is not null then 'open'
                when seen(solved_at) is not null then 'solved'
                when seen(proposed_at) is not null then 'pending'
                when seen(analysed_at) is not null then 'open'
                else 'new'
            end as status,
            if(seen(merged_at) is null, [], [duplicate_id::bigint]) as merged_ticket_ids,
            greatest(
                seen(opened_at), seen(replied_at), seen(analysed_at), seen(proposed_at),
                seen(solved_at), seen(reopened_at), seen(resolved_at), seen(closed_at),
                seen(merged_at)
            ) as changed_at,
            row_number() over (order by case_number) as position,
            count(*) over () as total
        from shop_cases
        where is_new(
            greatest(
                seen(opened_at), seen(replied_at), seen(analysed_at), seen(proposed_at),
                seen(solved_at), seen(reopened_at), seen(resolved_at), seen(closed_at),
                seen(merged_at)
            )
        )
    )
"""
_SECOND_TICKETS = """
    select
        duplicate_id::bigint,
        null,
        {'channel': 'web'},
        utc_z(duplicated_at),
        utc_z(greatest(seen(duplicated_at), seen(merged_at))),
        'incident',
        subject,
        'Again: ' || subject,
        'normal',
        if(seen(merged_at) is null, 'new', 'closed'),
        user_id::bigint,
        user_id::bigint,
        null,
        null,
        20455932,
        if(seen(merged_at) is null, [], ['closed_by_merge']),
        [],
        {'score': 'unoffered'},
        []
    from shop_cases
    where is_new(greatest(seen(duplicated_at), seen(merged_at)))
"""

EXPORTS = (
    Export(
        "tickets",
        "{date}/tickets_1.ndjson",
        f"""
        with {_KNOWN_TICKETS}
        {_TICKETS}
        where position <= total * (0.5 + {_REPEATED} / 2)
        """,
        json=True,
    ),
    Export(
        "tickets",
        "{date}/tickets_2.ndjson",
        f"""
        with {_KNOWN_TICKETS}
        {_TICKETS}
        where position > total * (0.5 - {_REPEATED} / 2)
        union all
        {_SECOND_TICKETS}
        """,
        json=True,
    ),
    Export(
        "users",
        "{date}/users.json",
        """
        with users as (
            select
                user_id::bigint as id,
                name,
                if(seen(merged_at) is null, email, null) as email,
                utc_z(created_at) as created_at,
                utc_z(changed_at) as updated_at,
                'Eastern Time (US & Canada)' as time_zone,
                coalesce(mobile, landline) as phone,
                mobile is null and landline is not null as shared_phone_number,
                null as organization_id,
                'end-user' as role,
                seen(merged_at) is null as verified,
                external_id,
                false as suspended,
                seen(merged_at) is null as active
            from (
                select
                    *,
                    concat_ws(
                        ' ', given, if(seen(renamed_at) is null, family, new_family)
                    ) as name,
                    greatest(seen(created_at), seen(renamed_at), seen(merged_at)) as changed_at
                from requesters
            )
            where is_new(changed_at)
            union all
            select
                user_id::bigint, name, email, utc_z(created_at), utc_z(created_at), 'UTC', null,
                false, null, 'agent', true, null, false, true
            from agents
            where is_new(created_at)
        )
        select list(users order by id) as users, null as next_page, count(*) as count
        from users
        having count(*) > 0
        """,
        json=True,
        count_rows="select sum(len(users)) from ({})",
    ),
    Export(
        "ticket_metrics",
        "{date}/ticket_metrics.ndjson",
        """
        select
            600000000 + case_number as id,
            ticket_id::bigint as ticket_id,
            utc_z(opened_at) as created_at,
            utc_z(changed_at) as updated_at,
            if(seen(reopened_at) is null, 0, 1) as reopens,
            if(seen(replied_at) is null, 0, 1) as replies,
            utc_z(seen(analysed_at)) as assigned_at,
            utc_z(if(
                seen(reopened_at) is null or seen(resolved_at) is not null,
                coalesce(seen(resolved_at), seen(solved_at)), null
            )) as solved_at,
            minutes_between(opened_at, seen(replied_at)) as reply_time_in_minutes,
            minutes_between(opened_at, seen(solved_at)) as first_resolution_time_in_minutes,
            minutes_between(opened_at, seen(resolved_at)) as full_resolution_time_in_minutes
        from (
            select
                *,
                greatest(
                    seen(opened_at), seen(replied_at), seen(analysed_at), seen(solved_at),
                    seen(reopened_at), seen(resolved_at)
                ) as changed_at
            from shop_cases
        )
        where is_new(changed_at)
        order by case_number
        """,
        json=True,
    ),
    # An invitation that is not answered stays `offered`.
    Export(
        "satisfaction_ratings",
        "{date}/satisfaction_ratings.ndjson",
        """
        select
            700000000 + response_number as id,
            ticket_id::bigint as ticket_id,
            user_id::bigint as requester_id,
            agent_id::bigint as assignee_id,
            if(
                seen(responded_at) is null, 'offered',
                if(score >= 4, 'good', 'bad') || if(comment is null, '', '_with_comment')
            ) as score,
            if(seen(responded_at) is null, null, comment) as comment,
            if(
                seen(responded_at) is null or score >= 4, null,
                'The issue took too long to resolve'
            ) as reason,
            utc_z(invited_at) as created_at,
            utc_z(greatest(seen(invited_at), seen(responded_at))) as updated_at
        from ratings
        where is_new(greatest(seen(invited_at), seen(responded_at)))
        order by response_number
        """,
        json=True,
    ),
    Export(
        "ticket_events",
        "{date}/ticket_events.ndjson",
        """
        select
            800000000 + event_number as id,
            ticket_id::bigint as ticket_id,
            utc_z(occurred_at) as created_at,
            if(actor = 'agent', agent_id, user_id)::bigint as updater_id,
            case
                when actor = 'agent' or channel = 'web' then 'Web form'
                when channel = 'email' then 'Mail'
                when channel = 'phone' then 'Phone call'
                when channel = 'social' then 'Facebook'
                else 'Chat'
            end as via,
            'Audit' as event_type,
            case
                when kind <> 'status' then [comment(900000000 + event_number)]
                -- A ticket is made by its first message.
                when from_value is null then [
                    json_object(
                        'id', 900000000 + event_number, 'event_type', 'Create', 'status', to_value
                    ),
                    comment(950000000 + event_number)
                ]
                else [
                    json_object(
                        'id', 900000000 + event_number, 'event_type', 'Change', 'status', to_value,
                        'previous_value', from_value
                    )
                ]
            end as child_events
        from shop_case_events
        where is_new(seen(occurred_at))
        order by event_number
        """,
        json=True,
    ),
    Export(
        "ticket_fields",
        "{date}/ticket_fields.ndjson",
        """
        select id, title, 'tagger' as type, '2023-01-01T00:00:00Z' as updated_at
        from ticket_fields
        where is_first_export()
        order by id
        """,
        json=True,
    ),
)


def zendesk_system(landscape: Landscape) -> System:
    """Make what Zendesk holds."""
    cases = _cases(landscape)
    records = landscape.zendesk
    known = table(
        case_number=cases["case_number"],
        ticket_id=cases["ticket_id"],
        user_id=cases["user_id"],
        agent_id=cases["agent_id"],
    )
    return System(
        name="zendesk",
        exports=EXPORTS,
        tables={
            "shop_cases": cases,
            "requesters": _requesters(landscape),
            "agents": _agents(landscape),
            "ratings": _ratings(landscape, known),
            "shop_case_events": _join(
                landscape.company.tables["case_events"],
                known.append_column("channel", cases["channel"]),
            ),
            "ticket_fields": table(
                id=np.array(list(_FIELDS.values())), title=pa.array(list(_FIELDS))
            ),
        },
        identities=identities(
            source_object="users",
            record=zendesk_user_ids(np.arange(1, records.count + 1)),
            person=records.person,
            known_at=records.created_at,
        ),
        orders=NO_ORDERS,
        macros=MACROS,
    )


def _agent_ids(agents: Ints) -> pa.Array:
    return spaced(360_000_000_000, 7_919, agents)


def _agents(landscape: Landscape) -> pa.Table:
    numbers = np.arange(1, _AGENTS + 1)
    start = landscape.company.end - np.timedelta64(
        landscape.company.parameters.acquisition.history_days, "D"
    )
    counted = pa.array(numbers).cast(pa.string())
    return table(
        user_id=_agent_ids(numbers),
        name=pc.binary_join_element_wise("Agent ", counted, ""),
        email=pc.binary_join_element_wise("agent", counted, "@support.example", ""),
        created_at=np.full(_AGENTS, start.astype("datetime64[s]")),
    )


def _requesters(landscape: Landscape) -> pa.Table:
    """Make the end users; the second record of a person may be merged into the first."""
    rng = stream(landscape.seed, "zendesk users")
    records = landscape.zendesk
    is_second = rank_within(records.person) > 0
    is_merged = is_second & (rng.random(records.count) < _MERGED_USER_SHARE)
    account = landscape.shopify.at(records.person, records.created_at)
    is_known = (account >= 0) & (rng.random(records.count) < _KNOWN_SHOP_ID_SHARE)
    # The account must exist when the user is made.
    is_known &= landscape.shopify.created_at[np.maximum(account, 0)] <= records.created_at
    shop_id = shopify_customer_ids(np.where(is_known, account + 1, 0))
    return records.as_table(
        user_id=zendesk_user_ids(np.arange(1, records.count + 1)),
        external_id=pc.binary_join_element_wise("shopify", shop_id, ":"),
        merged_at=only_if(is_merged, later(records.created_at, rng.uniform(3, 90, records.count))),
    )


def _cases(landscape: Landscape) -> pa.Table:
    """Make the tickets of shoppers; some are doubled by a second one until agents merge them."""
    rng = stream(landscape.seed, "zendesk tickets")
    content = landscape.company.tables["cases"]
    content = content.filter(pa.array(landscape.is_at(column(content, "person"), (SHOPPER,))))
    number, customer = column(content, "case_number"), column(content, "person")
    opened_at = column(content, "opened_at")
    user = landscape.zendesk.at(customer, opened_at)
    is_doubled = rng.random(number.size) < _SECOND_TICKET_SHARE
    duplicated_at = later(opened_at, rng.uniform(0.02, 0.5, number.size))
    agent = 1 + number % _AGENTS
    return with_columns(
        content,
        ticket_id=spaced(10_000, 1, number),
        user_id=zendesk_user_ids(user + 1),
        agent_id=_agent_ids(agent),
        order_name=landscape.order_names().take(landscape.order_entries(content)),
        duplicate_id=spaced(5_000_000, 1, number),
        duplicated_at=only_if(is_doubled, duplicated_at),
        merged_at=only_if(is_doubled, later(duplicated_at, rng.uniform(0.02, 0.6, number.size))),
    )


def _join(content: pa.Table, cases: pa.Table) -> pa.Table:
    """Keep the rows of these cases and add what is known of the case, in order of the rows."""
    position = pc.index_in(content["case_number"], cases["case_number"].combine_chunks())
    is_known = pc.is_valid(position)
    rows = position.filter(is_known).combine_chunks()
    return with_columns(
        content.filter(is_known),
        **{
            name: cases[name].combine_chunks().take(rows)
            for name in cases.column_names
            if name != "case_number"
        },
    )


def _ratings(landscape: Landscape, cases: pa.Table) -> pa.Table:
    """Find the satisfaction asked about these cases; the rating is the overall answer."""
    content = landscape.surveys_of("zendesk")
    is_overall = pc.equal(content["question"].cast(pa.string()), QUESTIONS[OVERALL])
    return _join(content.filter(is_overall), cases)
