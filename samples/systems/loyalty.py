"""The loyalty programme: members, points ledger, history of tiers, referrals.

Members know their card and most of them their shop account. Who recommends or is recommended
without being a member has a record too, without a day of joining.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import digits, numbered, stream, table, words
from samples.systems.exporting import (
    NO_ORDERS,
    Export,
    System,
    identities,
    with_columns,
)
from samples.systems.ids import shopify_customer_ids
from samples.systems.landscape import Landscape, column

_KNOWN_SHOP_ID_SHARE = 0.6  # of members with a shop account

EXPORTS = (
    Export(
        "members",
        "{date}/members.csv",
        """
        select
            member_id,
            card_number,
            given as first_name,
            if(seen(renamed_at) is null, family, new_family) as last_name,
            email,
            coalesce(mobile, landline) as phone,
            birth_date,
            gender,
            if(seen(moved_at) is null, street, new_street) as street,
            if(seen(moved_at) is null, city, new_city) as city,
            if(seen(moved_at) is null, region, new_region) as region,
            if(seen(moved_at) is null, postal_code, new_postal_code) as postal_code,
            'US' as country_code,
            external_ids,
            if(seen(joined_at) is null, 'referral only', 'active') as status,
            to_second(seen(joined_at)) as joined_at,
            to_second(changed_at) as updated_at
        from (
            select
                *,
                greatest(
                    seen(created_at), seen(joined_at), seen(renamed_at), seen(moved_at)
                ) as changed_at
            from members
        )
        where is_new(changed_at)
        order by number
        """,
    ),
    Export(
        "ledger",
        "{date}/ledger.csv",
        """
        select
            printf('PT%08d', event_number) as entry_id,
            member_id,
            to_second(occurred_at) as booked_at,
            kind as entry_type,
            points,
            order_name as order_id
        from events
        where kind not in ('join', 'tier_change', 'leave') and is_new(seen(occurred_at))
        order by event_number
        """,
    ),
    Export(
        "tiers",
        "{date}/tiers.csv",
        """
        select
            member_id,
            tier,
            to_second(occurred_at) as changed_at,
            if(kind = 'join', 'joined', 'points') as reason
        from events
        where kind in ('join', 'tier_change') and is_new(seen(occurred_at))
        order by event_number
        """,
    ),
    Export(
        "referrals",
        "{date}/referrals.csv",
        """
        select
            printf('RF%07d', referral_number) as referral_id,
            referrer_member_id,
            if(seen(converted_at) is null, null, referred_member_id) as referred_member_id,
            if(seen(converted_at) is null, null, referred_email) as referred_email,
            channel,
            to_second(invited_at) as invited_at,
            to_second(seen(converted_at)) as converted_at,
            to_second(greatest(seen(invited_at), seen(converted_at))) as updated_at
        from referrals
        where is_new(greatest(seen(invited_at), seen(converted_at)))
        order by referral_number
        """,
    ),
)


def loyalty_system(landscape: Landscape) -> System:
    """Make what the programme holds."""
    records = landscape.loyalty
    member_ids = numbered("M", np.arange(1, records.count + 1))
    return System(
        name="loyalty",
        exports=EXPORTS,
        tables={
            "members": _members(landscape, member_ids),
            "events": _events(landscape, member_ids),
            "referrals": _referrals(landscape, member_ids),
        },
        identities=identities(
            source_object="members",
            record=member_ids,
            person=records.person,
            known_at=records.created_at,
        ),
        orders=NO_ORDERS,
    )


def _members(landscape: Landscape, member_ids: pa.Array) -> pa.Table:
    rng = stream(landscape.seed, "members")
    records = landscape.loyalty
    events = landscape.company.tables["loyalty_events"]
    is_join = np.asarray(pc.equal(events["kind"].cast(pa.string()), "join"))
    joined_at = np.full(landscape.persons.count, np.datetime64("NaT", "s"))
    joined_at[column(events, "person")[is_join]] = column(events, "occurred_at")[is_join]
    account = landscape.shopify.at(records.person, records.created_at)
    is_known = (account >= 0) & (rng.random(records.count) < _KNOWN_SHOP_ID_SHARE)
    is_known &= landscape.shopify.created_at[np.maximum(account, 0)] <= records.created_at
    shop_id = shopify_customer_ids(np.where(is_known, account + 1, 0))
    cards = digits(np.arange(1, records.count + 1) * 7_919 % 10_000_000, 7)
    return records.as_table(
        member_id=member_ids,
        card_number=pc.binary_join_element_wise("2600", cards, ""),
        external_ids=pc.binary_join_element_wise("shopify", shop_id, ":"),
        joined_at=joined_at[records.person],
    )


def _events(landscape: Landscape, member_ids: pa.Array) -> pa.Table:
    content = landscape.company.tables["loyalty_events"]
    row = landscape.loyalty.at(column(content, "person"), column(content, "occurred_at"))
    return with_columns(
        content,
        member_id=member_ids.take(pa.array(row)),
        order_name=landscape.order_names().take(landscape.order_entries(content)),
    )


def _referrals(landscape: Landscape, member_ids: pa.Array) -> pa.Table:
    """Make the invitations; who came has a record from then on."""
    made, company = landscape.company.referrals, landscape.company
    is_before = made.invited_at < company.end
    referred = np.where(made.converted_at < company.end, made.referred, -1)[is_before]
    referrer = landscape.loyalty.at(made.referrer[is_before], made.invited_at[is_before])
    member = landscape.loyalty.at(np.maximum(referred, 0), made.converted_at[is_before])
    member = np.where(referred < 0, -1, member)
    emails = landscape.persons.email
    return table(
        referral_number=np.arange(1, referred.size + 1),
        referrer_member_id=member_ids.take(pa.array(referrer)),
        referred_member_id=member_ids.take(pa.array(member, mask=member < 0)),
        referred_email=emails.take(pa.array(referred, mask=referred < 0)),
        invited_at=made.invited_at[is_before],
        converted_at=made.converted_at[is_before],
        channel=words(made.channel[is_before], ("email", "social", "chat")),
    )
