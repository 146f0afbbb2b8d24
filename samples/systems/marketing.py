"""Marketing: what is spent per day and channel, campaigns, who was chosen, who responded.

Control groups are sends that were held back: marked, without a time. Recipients carry the id of
their HubSpot contact where marketing found one.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import Ints, numbered, stream, table
from samples.systems.exporting import NO_ORDERS, Export, System, identities, with_columns
from samples.systems.ids import hubspot_ids
from samples.systems.landscape import SHOPPER, SMALL_ACCOUNT, Landscape, column

_KNOWN_CONTACT_SHARE = 0.9  # of recipients with a HubSpot contact
_CLICK_CENTS = 85

EXPORTS = (
    Export(
        "spend",
        "{date}/spend.csv",
        """
        select
            day as spend_date,
            channel,
            identifier('CMP', campaign_number) as campaign_id,
            money(amount) as amount,
            'USD' as currency_code,
            clicks * 40 + 11 as impressions,
            clicks
        from spend
        where is_new(seen(day::timestamp))
        order by day, channel
        """,
    ),
    Export(
        "campaigns",
        "{date}/campaigns.csv",
        """
        select
            identifier('CMP', campaign_number) as campaign_id,
            name as campaign_name,
            channel,
            objective,
            start_date,
            end_date,
            money(budget) as budget,
            if(seen(end_date::timestamp) is null, null, money(cost)) as actual_cost,
            to_second(greatest(seen(start_date::timestamp), seen(end_date::timestamp)))
                as updated_at
        from campaigns
        where is_new(greatest(seen(start_date::timestamp), seen(end_date::timestamp)))
        order by campaign_number
        """,
    ),
    Export(
        "sends",
        "{date}/sends.csv",
        """
        select
            identifier('CMP', campaign_number) as campaign_id,
            recipient_id,
            email,
            mobile as phone,
            given as first_name,
            if(seen(renamed_at) is null, family, new_family) as last_name,
            external_ids,
            is_control,
            to_second(sent_at) as sent_at,
            to_second(known_at) as updated_at
        from members join recipients using (recipient_number)
        where is_new(seen(known_at))
        order by member_number
        """,
    ),
    Export(
        "responses",
        "{date}/responses.csv",
        """
        select
            identifier('CMP', campaign_number) as campaign_id,
            recipient_id,
            response as response_type,
            to_second(responded_at) as responded_at
        from members join recipients using (recipient_number)
        where is_new(seen(responded_at))
        order by responded_at, member_number
        """,
    ),
)


def marketing_system(landscape: Landscape) -> System:
    """Make what marketing holds."""
    records = landscape.marketing
    numbers = np.arange(1, records.count + 1)
    recipient_ids = numbered("RCP", numbers)
    members = _members(landscape)
    return System(
        name="marketing",
        exports=EXPORTS,
        tables={
            "spend": _spend(landscape),
            "campaigns": _campaigns(landscape, members),
            "members": members,
            "recipients": records.as_table(
                recipient_number=numbers,
                recipient_id=recipient_ids,
                external_ids=_contact_ids(landscape),
            ),
        },
        identities=identities(
            source_object="sends",
            record=recipient_ids,
            person=records.person,
            known_at=records.created_at,
        ),
        orders=NO_ORDERS,
    )


def _contact_ids(landscape: Landscape) -> pa.Array:
    records = landscape.marketing
    rng = stream(landscape.seed, "marketing contacts")
    row = landscape.hubspot.at(records.person, records.created_at)
    is_known = (row >= 0) & (rng.random(records.count) < _KNOWN_CONTACT_SHARE)
    is_known &= landscape.hubspot.created_at[np.maximum(row, 0)] <= records.created_at
    contact = hubspot_ids(np.where(is_known, row + 1, 0))
    return pc.binary_join_element_wise("hubspot", contact, ":")


def _members(landscape: Landscape) -> pa.Table:
    content = landscape.company.tables["campaign_members"]
    number = np.arange(1, content.num_rows + 1)
    is_here = landscape.is_at(column(content, "person"), (SHOPPER, SMALL_ACCOUNT))
    content, number = content.filter(pa.array(is_here)), number[is_here]
    row = landscape.marketing.at(column(content, "person"), column(content, "known_at"))
    content = content.drop_columns(["person"])
    return with_columns(content, member_number=number, recipient_number=row + 1)


def _campaigns(landscape: Landscape, members: pa.Table) -> pa.Table:
    """Make the campaigns; mails cost per contact, what acquisition costs stands in the spend."""
    content = landscape.company.tables["campaigns"]
    per_contact = round(100 * landscape.company.parameters.campaigns.cost_per_contact)
    is_sent = ~column(members, "is_control")
    contacts: Ints = np.bincount(
        column(members, "campaign_number")[is_sent] - 1, minlength=content.num_rows
    )
    is_acquisition = np.asarray(content["objective"]) == "acquisition"
    cost = pa.array(per_contact * contacts, mask=is_acquisition)
    at = content.column_names.index("cost")
    return content.set_column(at, "cost", cost)


def _spend(landscape: Landscape) -> pa.Table:
    """Spread the spend of every month over its days."""
    rng = stream(landscape.seed, "daily spend")
    costs = landscape.company.tables["costs"]
    costs = costs.filter(pa.array(np.asarray(costs["kind"].cast(pa.string())) == "acquisition"))
    last_day = column(costs, "known_at").astype("datetime64[D]")
    first_day = last_day.astype("datetime64[M]").astype("datetime64[D]")
    days = (last_day - first_day).astype(np.int64) + 1
    entry = np.repeat(np.arange(days.size), days)
    start = np.cumsum(days) - days
    day = first_day[entry] + (np.arange(entry.size) - start[entry])
    weight = rng.uniform(0.6, 1.4, entry.size)
    share = np.cumsum(weight) - np.repeat(np.r_[0.0, np.cumsum(weight)][start], days)
    share /= np.add.reduceat(weight, start)[entry]
    # Rounded running totals, so that the days sum exactly to the month.
    total = column(costs, "amount")[entry]
    running = np.rint(share * total).astype(np.int64)
    before = np.where(np.arange(entry.size) == start[entry], 0, np.roll(running, 1))
    amount = running - before
    return table(
        day=day,
        channel=costs["channel"].combine_chunks().take(pa.array(entry)),
        campaign_number=costs["campaign_number"].combine_chunks().take(pa.array(entry)),
        amount=amount,
        clicks=1 + amount // _CLICK_CENTS,
    )
