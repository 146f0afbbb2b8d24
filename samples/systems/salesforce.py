"""Salesforce: sales to organisations, and persons served by an adviser (person accounts).

Files as the Data Loader writes them: API names, every cell quoted, times in UTC with milliseconds.
An order of an organisation is a won opportunity with line items in the account's currency.
Merged records stay as deleted with a MasterRecordId, and what was recorded before the merge still
points at them. Events come from a report, with 15-character ids.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.company import Company
from samples.draws import Bools, Instants, Ints, later, only_if, pick, stream, table, text, words
from samples.people import ORGANISATIONS, PHONE_SPELLINGS, Addresses
from samples.registrations import organisation_domains
from samples.systems.exporting import (
    Export,
    System,
    identities,
    opened,
    order_records,
    with_columns,
)
from samples.systems.ids import product_skus, salesforce_ids, short_ids
from samples.systems.landscape import ACCOUNT, ADVISED, Landscape, column
from samples.vocabulary import CITIES

CURRENCIES = ("USD", "EUR", "CAD")
_CURRENCY_SHARES = (0.85, 0.09, 0.06)
_FIRST_RATES = (1.0, 0.93, 1.35)  # units per US dollar
_INDUSTRIES = ("Retail", "Hospitality", "Healthcare", "Construction", "Education", "Media")
_OWNERS = 12
_DUPLICATE_ACCOUNT_SHARE = 0.05  # of organisations, merged later
_CHAIN_SHARE = 0.35  # of those: merged into a duplicate that was merged itself
_STATUSES = {
    "new": "New",
    "open": "Working",
    "pending": "Waiting on Customer",
    "solved": "Solved",
    "closed": "Closed",
}
_MERGED_SHARE = 0.6  # of second records of a person

SELECTS = {
    "Account": """
        select
            account_id as Id,
            seen(merged_at) is not null as IsDeleted,
            if(seen(merged_at) is null, null, master_id) as MasterRecordId,
            name as Name,
            if(is_person, null, 'Customer') as Type,
            null as RecordTypeId,
            parent_id as ParentId,
            street as BillingStreet,
            city as BillingCity,
            region as BillingState,
            postal_code as BillingPostalCode,
            'US' as BillingCountry,
            street as ShippingStreet,
            city as ShippingCity,
            region as ShippingState,
            postal_code as ShippingPostalCode,
            'US' as ShippingCountry,
            phone as Phone,
            null as Fax,
            printf('A%06d', account_number) as AccountNumber,
            website as Website,
            null as Sic,
            industry as Industry,
            null as AnnualRevenue,
            employees as NumberOfEmployees,
            if(is_person, null, 'Private') as Ownership,
            null as Rating,
            currency as CurrencyIsoCode,
            owner_id as OwnerId,
            utc_millis(created_at) as CreatedDate,
            owner_id as CreatedById,
            utc_millis(changed_at) as LastModifiedDate,
            owner_id as LastModifiedById,
            utc_millis(changed_at) as SystemModstamp,
            null as LastActivityDate,
            'Other' as AccountSource,
            is_person as IsPersonAccount,
            person_contact_id as PersonContactId,
            email as PersonEmail,
            mobile as PersonMobilePhone,
            birth_date as PersonBirthdate,
            salutation as Salutation,
            first_name as FirstName,
            last_name as LastName
        from (
            select
                account_number, account_id, master_id, merged_at, name, false as is_person,
                parent_id, street, city, region, postal_code, phone, website, industry, employees,
                currency, owner_id, created_at,
                greatest(seen(created_at), seen(merged_at)) as changed_at,
                null as person_contact_id, null as email, null as mobile, null as birth_date,
                null as salutation, null as first_name, null as last_name
            from business_accounts
            union all
            select
                account_number, account_id, master_account_id, merged_at,
                concat_ws(' ', given, if(seen(renamed_at) is null, family, new_family)), true,
                null, if(seen(moved_at) is null, street, new_street),
                if(seen(moved_at) is null, city, new_city),
                if(seen(moved_at) is null, region, new_region),
                if(seen(moved_at) is null, postal_code, new_postal_code),
                landline, null, null, null, 'USD', owner_id, created_at,
                greatest(
                    seen(created_at), seen(moved_at), seen(renamed_at), seen(merged_at)
                ) as changed_at,
                contact_id, email, mobile, birth_date, salutation, given,
                if(seen(renamed_at) is null, family, new_family)
            from contacts
            where is_person_account
        )
        where is_new(changed_at)
        order by account_number
    """,
    "Contact": """
        select
            contact_id as Id,
            seen(merged_at) is not null as IsDeleted,
            if(seen(merged_at) is null, null, master_contact_id) as MasterRecordId,
            account_id as AccountId,
            last_name as LastName,
            given as FirstName,
            salutation as Salutation,
            concat_ws(' ', given, last_name) as Name,
            street as MailingStreet,
            city as MailingCity,
            region as MailingState,
            postal_code as MailingPostalCode,
            if(city is null, null, 'US') as MailingCountry,
            null as OtherStreet,
            null as OtherCity,
            null as OtherState,
            null as OtherPostalCode,
            null as OtherCountry,
            landline as Phone,
            null as Fax,
            mobile as MobilePhone,
            null as HomePhone,
            null as OtherPhone,
            null as ReportsToId,
            email as Email,
            title as Title,
            null as Department,
            lead_source as LeadSource,
            birth_date as Birthdate,
            null as Description,
            owner_id as OwnerId,
            seen(opted_out_at) is not null as HasOptedOutOfEmail,
            false as HasOptedOutOfFax,
            false as DoNotCall,
            utc_millis(created_at) as CreatedDate,
            utc_millis(changed_at) as LastModifiedDate,
            utc_millis(changed_at) as SystemModstamp,
            null as LastActivityDate,
            null as EmailBouncedReason,
            null as EmailBouncedDate,
            null as IndividualId
        from (
            select
                *,
                if(seen(renamed_at) is null, family, new_family) as last_name,
                greatest(
                    seen(created_at), seen(renamed_at), seen(merged_at), seen(opted_out_at)
                ) as changed_at
            from contacts
            where not is_person_account
        )
        where is_new(changed_at)
        order by number
    """,
    "Lead": """
        select
            lead_id as Id,
            false as IsDeleted,
            null as MasterRecordId,
            family as LastName,
            given as FirstName,
            null as Salutation,
            concat_ws(' ', given, family) as Name,
            null as Title,
            coalesce(company, 'Private') as Company,
            street as Street,
            city as City,
            region as State,
            postal_code as PostalCode,
            if(city is null, null, 'US') as Country,
            landline as Phone,
            mobile as MobilePhone,
            email as Email,
            null as Website,
            lead_source as LeadSource,
            if(seen(converted_at) is null, 'Open - Not Contacted', 'Closed - Converted') as Status,
            null as Industry,
            null as Rating,
            owner_id as OwnerId,
            seen(opted_out_at) is not null as HasOptedOutOfEmail,
            false as DoNotCall,
            seen(converted_at) is not null as IsConverted,
            seen(converted_at)::date as ConvertedDate,
            if(seen(converted_at) is null, null, account_id) as ConvertedAccountId,
            if(seen(converted_at) is null, null, contact_id) as ConvertedContactId,
            null as ConvertedOpportunityId,
            utc_millis(created_at) as CreatedDate,
            utc_millis(changed_at) as LastModifiedDate,
            utc_millis(changed_at) as SystemModstamp
        from (
            select
                *,
                greatest(seen(created_at), seen(converted_at), seen(opted_out_at)) as changed_at
            from leads
        )
        where is_new(changed_at)
        order by number
    """,
    "Opportunity": """
        select
            opportunity_id as Id,
            false as IsDeleted,
            account_id as AccountId,
            null as RecordTypeId,
            false as IsPrivate,
            name as Name,
            null as Description,
            stage as StageName,
            amount as Amount,
            probability as Probability,
            round(amount * probability / 100, 2) as ExpectedRevenue,
            close_date as CloseDate,
            type as Type,
            null as LeadSource,
            probability in (0, 100) as IsClosed,
            probability = 100 as IsWon,
            case probability when 100 then 'Closed' when 0 then 'Omitted' else 'Pipeline' end
                as ForecastCategory,
            currency as CurrencyIsoCode,
            null as CampaignId,
            has_lines as HasOpportunityLineItem,
            if(has_lines, '01s5g000001A9bcAAC', null) as Pricebook2Id,
            owner_id as OwnerId,
            utc_millis(created_at) as CreatedDate,
            utc_millis(changed_at) as LastModifiedDate,
            utc_millis(changed_at) as SystemModstamp,
            contact_id as ContactId
        from (
            select
                opportunity_id, account_id, contact_id, owner_id, currency,
                money(amount) as amount,
                printf('Order %d', order_number) as name, 'Existing Business' as type,
                if(seen(cancelled_at) is null, 'Closed Won', 'Closed Lost') as stage,
                if(seen(cancelled_at) is null, 100, 0) as probability,
                ordered_at::date as close_date, true as has_lines,
                ordered_at as created_at,
                greatest(seen(ordered_at), seen(cancelled_at)) as changed_at
            from account_orders
            union all
            select
                opportunity_id, account_id, contact_id, owner_id, 'USD',
                if(seen(closed_at) is not null and is_won, null, money(amount)),
                printf('Frame contract %d', opportunity_number), 'New Business',
                case
                    when seen(closed_at) is not null then if(is_won, 'Closed Won', 'Closed Lost')
                    when seen(negotiated_at) is not null then 'Negotiation/Review'
                    when seen(proposed_at) is not null then 'Proposal/Price Quote'
                    else 'Qualification'
                end,
                case
                    when seen(closed_at) is not null then if(is_won, 100, 0)
                    when seen(negotiated_at) is not null then 60
                    when seen(proposed_at) is not null then 40
                    else 20
                end,
                coalesce(seen(closed_at), created_at + interval 90 day)::date, false, created_at,
                greatest(
                    seen(created_at), seen(proposed_at), seen(negotiated_at), seen(closed_at)
                )
            from pipeline
        )
        where is_new(changed_at)
        order by opportunity_id
    """,
    "OpportunityLineItem": """
        select
            line_id as Id,
            opportunity_id as OpportunityId,
            line_number as SortOrder,
            entry_id as PricebookEntryId,
            product_id as Product2Id,
            sku as ProductCode,
            product_name as Name,
            currency as CurrencyIsoCode,
            quantity::decimal(9, 2) as Quantity,
            round(100 - 100 * unit_price / list_price, 2)::decimal(9, 2) as Discount,
            money(total_price) as TotalPrice,
            money(unit_price) as UnitPrice,
            money(list_price) as ListPrice,
            null as ServiceDate,
            null as Description,
            utc_millis(ordered_at) as CreatedDate,
            utc_millis(ordered_at) as SystemModstamp,
            false as IsDeleted
        from account_order_lines
        where is_new(seen(ordered_at))
        order by order_number, line_number
    """,
    "Case": """
        select
            case_id as Id,
            false as IsDeleted,
            null as MasterRecordId,
            printf('%08d', case_number) as CaseNumber,
            contact_id as ContactId,
            account_id as AccountId,
            null as ParentId,
            null as SuppliedName,
            null as SuppliedEmail,
            null as SuppliedPhone,
            if(is_complaint, 'Complaint', 'Question') as Type,
            null as RecordTypeId,
            case
                when seen(closed_at) is not null then 'Closed'
                when seen(resolved_at) is not null then 'Solved'
                when seen(reopened_at) is not null then 'Working'
                when seen(solved_at) is not null then 'Solved'
                when seen(proposed_at) is not null then 'Waiting on Customer'
                when seen(analysed_at) is not null then 'Working'
                else 'New'
            end as Status,
            if(seen(analysed_at) is null, null, reason) as Reason,
            case channel
                when 'email' then 'Email' when 'phone' then 'Phone' when 'chat' then 'Chat'
                when 'social' then 'Social' else 'Web'
            end as Origin,
            'en_US' as Language,
            subject as Subject,
            case priority
                when 'low' then 'Low' when 'normal' then 'Medium' when 'high' then 'High'
                else 'Critical'
            end as Priority,
            'Customer writes: "' || subject || E'"\\n\\nOrder ' || order_number as Description,
            seen(closed_at) is not null as IsClosed,
            utc_millis(seen(closed_at)) as ClosedDate,
            priority = 'urgent' as IsEscalated,
            owner_id as OwnerId,
            utc_millis(opened_at) as CreatedDate,
            utc_millis(changed_at) as LastModifiedDate,
            utc_millis(changed_at) as SystemModstamp,
            mobile as ContactPhone,
            email as ContactEmail
        from (
            select
                *,
                greatest(
                    seen(opened_at), seen(replied_at), seen(analysed_at), seen(proposed_at),
                    seen(solved_at), seen(reopened_at), seen(resolved_at), seen(closed_at)
                ) as changed_at
            from account_cases
        )
        where is_new(changed_at)
        order by case_number
    """,
    # Taking a case over writes the change of owner twice: once with names, once with ids.
    "CaseHistory": """
        select
            history_id as Id,
            false as IsDeleted,
            case_id as CaseId,
            owner_id as CreatedById,
            utc_millis(occurred_at) as CreatedDate,
            field as Field,
            data_type as DataType,
            old_value as OldValue,
            new_value as NewValue
        from case_history
        where is_new(seen(occurred_at))
        order by history_number
    """,
    "Task": """
        select
            activity_id as Id,
            contact_id as WhoId,
            case_id as WhatId,
            subject as Subject,
            occurred_at::date as ActivityDate,
            'Completed' as Status,
            'Normal' as Priority,
            owner_id as OwnerId,
            null as Description,
            case channel
                when 'phone' then 'Call' when 'email' then 'Email' when 'chat' then 'Chat'
                when 'social' then 'Social' else 'Web'
            end as Type,
            false as IsDeleted,
            account_id as AccountId,
            true as IsClosed,
            utc_millis(occurred_at) as CreatedDate,
            utc_millis(occurred_at) as SystemModstamp,
            if(channel = 'phone', seconds, null) as CallDurationInSeconds,
            if(channel = 'phone', upper(direction[1]) || direction[2:], null) as CallType,
            null as CallDisposition,
            case channel when 'phone' then 'Call' when 'email' then 'Email' else 'Task' end
                as TaskSubtype,
            utc_millis(occurred_at) as CompletedDateTime
        from activities
        where is_new(seen(occurred_at)) and channel not in ('face_to_face', 'store')
        order by activity_number
    """,
    "Event": """
        select
            activity_short_id as Id,
            contact_short_id as WhoId,
            null as WhatId,
            subject as Subject,
            if(channel = 'store', 'Showroom', 'Customer') as Location,
            utc_millis(occurred_at) as ActivityDateTime,
            utc_millis(occurred_at) as StartDateTime,
            utc_millis(occurred_at + to_seconds(60 * minutes)) as EndDateTime,
            minutes as DurationInMinutes,
            account_short_id as AccountId,
            owner_id as OwnerId,
            if(channel = 'store', 'Visit', 'Meeting') as Type,
            utc_millis(occurred_at) as CreatedDate,
            false as IsDeleted,
            'Event' as EventSubtype
        from activities
        where is_new(seen(occurred_at)) and channel in ('face_to_face', 'store')
        order by activity_number
    """,
    "Campaign": """
        select
            campaign_id as Id,
            false as IsDeleted,
            name || ' (accounts)' as Name,
            null as ParentId,
            'Email' as Type,
            if(seen(end_date::timestamp) is null, 'In Progress', 'Completed') as Status,
            start_date as StartDate,
            end_date as EndDate,
            null as ExpectedRevenue,
            money(budget) as BudgetedCost,
            if(seen(end_date::timestamp) is null, null, money(cost)) as ActualCost,
            contacts as NumberSent,
            seen(end_date::timestamp) is null as IsActive,
            owner_id as OwnerId,
            utc_millis(start_date::timestamp) as CreatedDate
        from account_campaigns
        where is_new(greatest(seen(start_date::timestamp), seen(end_date::timestamp)))
        order by campaign_number
    """,
    "CampaignMember": """
        select
            member_id as Id,
            false as IsDeleted,
            campaign_id as CampaignId,
            null as LeadId,
            contact_id as ContactId,
            if(seen(responded_at) is null, 'Sent', 'Responded') as Status,
            seen(responded_at) is not null as HasResponded,
            utc_millis(sent_at) as CreatedDate,
            utc_millis(greatest(seen(sent_at), seen(responded_at))) as SystemModstamp,
            seen(responded_at)::date as FirstRespondedDate,
            email as Email,
            mobile as Phone,
            null as LeadSource,
            'Contact' as Type
        from account_members
        where is_new(greatest(seen(sent_at), seen(responded_at)))
        order by member_number
    """,
    "Product2": """
        select
            product_id as Id,
            name as Name,
            sku as ProductCode,
            null as Description,
            is_active as IsActive,
            category as Family,
            false as IsDeleted,
            sku as StockKeepingUnit
        from catalogue
        where is_new(timestamp '1970-01-01')
        order by product_number
    """,
    "CurrencyType": """
        select currency as IsoCode, last(rate order by month) as ConversionRate,
            currency = 'USD' as IsCorporate
        from rates
        where seen(month::timestamp) is not null
        group by currency
        having is_new(timestamp '1970-01-01')
        order by currency
    """,
    "DatedConversionRate": """
        select
            currency as IsoCode,
            month as StartDate,
            case when not is_last then (month + interval 1 month)::date end as NextStartDate,
            rate as ConversionRate
        from (
            select *, month = max(month) over (partition by currency) as is_last
            from rates
            where seen(month::timestamp) is not null
        )
        where is_new(seen(month::timestamp))
        order by currency, month
    """,
}

EXPORTS = tuple(
    Export(name=name, path=f"{{date}}/{name}.csv", select=select, quote_all=True)
    for name, select in SELECTS.items()
)


def salesforce_system(landscape: Landscape) -> System:
    """Make what Salesforce holds."""
    accounts = _accounts(landscape)
    contacts = _contacts(landscape, accounts)
    leads = _leads(landscape, accounts, contacts)
    orders, lines = _orders(landscape, accounts, contacts)
    cases = _cases(landscape, accounts, contacts)
    members, campaigns = _campaigns(landscape, contacts)
    is_person_account = column(contacts, "is_person_account")
    chosen = pa.array(is_person_account)
    registered = landscape.salesforce.person
    organisation = column(accounts.table, "organisation")
    return System(
        name="salesforce",
        exports=EXPORTS,
        tables={
            "business_accounts": accounts.table,
            "contacts": contacts,
            "leads": leads,
            "account_orders": orders,
            "account_order_lines": lines,
            "pipeline": _pipeline(landscape, accounts, contacts),
            "account_cases": cases,
            "case_history": _case_history(landscape, cases),
            "activities": _activities(landscape, accounts, contacts),
            "account_campaigns": campaigns,
            "account_members": members,
            "catalogue": _catalogue(landscape.company),
            "rates": _rates(landscape),
        },
        identities=pa.concat_tables(
            [
                identities(
                    source_object="accounts",
                    record=accounts.table["account_id"].combine_chunks(),
                    person=organisation,
                    known_at=column(accounts.table, "created_at"),
                    is_organisation=True,
                ),
                identities(
                    source_object="accounts",
                    record=contacts["account_id"].filter(chosen).combine_chunks(),
                    person=registered[is_person_account],
                    known_at=landscape.salesforce.created_at[is_person_account],
                ),
                identities(
                    source_object="contacts",
                    record=contacts["contact_id"].filter(pc.invert(chosen)).combine_chunks(),
                    person=registered[~is_person_account],
                    known_at=landscape.salesforce.created_at[~is_person_account],
                ),
                identities(
                    source_object="leads",
                    record=leads["lead_id"].combine_chunks(),
                    person=landscape.leads.person,
                    known_at=landscape.leads.created_at,
                ),
            ]
        ),
        orders=order_records(
            "opportunities",
            orders["opportunity_id"].combine_chunks(),
            column(orders, "order_number"),
        ),
    )


@dataclass(frozen=True)
class _Accounts:
    """Accounts of organisations: the table, and each customer's entry in it, -1 for none."""

    table: pa.Table
    entry: Ints


def _accounts(landscape: Landscape) -> _Accounts:
    """Make an account per organisation, some twice until the records are merged."""
    rng = stream(landscape.seed, "salesforce accounts")
    company, people = landscape.company, landscape.company.people
    main = np.flatnonzero(landscape.home == ACCOUNT)
    main = main[np.argsort(company.seen_at[main], kind="stable")]
    entry = np.full(people.count, -1)
    entry[main] = np.arange(main.size)
    duplicates = main[rng.random(main.size) < _DUPLICATE_ACCOUNT_SHARE]
    chained = duplicates[rng.random(duplicates.size) < _CHAIN_SHARE]
    organisation = np.concatenate([main, duplicates, chained])
    level = np.repeat([0, 1, 2], [main.size, duplicates.size, chained.size])

    # A duplicate is merged into the account, and before that a third one into the duplicate.
    duplicate_entry = np.full(people.count, -1)
    duplicate_entry[duplicates] = main.size + np.arange(duplicates.size)
    master = np.select(
        [level == 1, level == 2], [entry[organisation], duplicate_entry[organisation]], -1
    )
    created_at = later(company.seen_at[organisation], -10 / 1440 + 20.0 * level)
    merged_at = later(company.seen_at[organisation], np.where(level == 1, 120.0, 80.0))
    is_known = created_at < company.end
    parent = _parents(rng, level == 0, landscape.company.parameters.people.subsidiary_share)
    name = text(people.organisation[organisation], ORGANISATIONS)
    variants = pc.replace_substring_regex(name, r" (Inc|Co)$", r" \1.")
    name = pc.if_else(pa.array(level == 1), variants, name)
    name = pc.if_else(pa.array(level == 2), pc.utf8_upper(name), name)
    numbers = np.arange(1, organisation.size + 1)
    street = people.addresses.take(organisation).street_lines()
    suite = pc.cast(pa.array(rng.integers(1, 60, organisation.size)), pa.string())
    in_suite = pc.binary_join_element_wise(street, suite, "\nSuite ")
    content = table(
        organisation=organisation,
        account_number=numbers,
        account_id=salesforce_ids("001", numbers),
        master_id=salesforce_ids("001", master + 1),
        merged_at=only_if(level > 0, merged_at),
        name=name,
        parent_id=salesforce_ids("001", parent + 1),
        street=pc.if_else(pa.array(rng.random(organisation.size) < 0.2), in_suite, street),
        **_places(people.addresses.take(organisation)),
        phone=people.phone.take(organisation).spelled(
            rng.integers(0, PHONE_SPELLINGS, organisation.size)
        ),
        website=pc.binary_join_element_wise(
            "https://www.", organisation_domains(people).take(pa.array(organisation)), ""
        ),
        industry=text(rng.integers(0, len(_INDUSTRIES), people.count)[organisation], _INDUSTRIES),
        employees=np.rint(rng.lognormal(3.2, 1.1, people.count)[organisation]).astype(np.int64) + 1,
        currency=text(pick(rng, _CURRENCY_SHARES, people.count)[organisation], CURRENCIES),
        owner_id=_owner_ids(numbers),
        created_at=created_at,
    )
    return _Accounts(content.filter(pa.array(is_known)), entry)


def _parents(rng: np.random.Generator, is_main: Bools, share: float) -> Ints:
    """Let some accounts belong to an earlier one, so that hierarchies have no circles."""
    entry = np.arange(is_main.size)
    has_parent = is_main & (entry > 0) & (rng.random(entry.size) < share)
    return np.where(has_parent, (rng.random(entry.size) * entry).astype(np.int64), -1)


def _places(addresses: Addresses) -> dict[str, pa.Array]:
    return {
        "city": words(addresses.city, [city.name for city in CITIES]),
        "region": words(addresses.city, [city.state for city in CITIES]),
        "postal_code": addresses.postal_codes(),
    }


def _owner_ids(numbers: Ints) -> pa.Array:
    return salesforce_ids("005", 1 + numbers % _OWNERS)


def _contacts(landscape: Landscape, accounts: _Accounts) -> pa.Table:
    """Make contacts and person accounts; some second records are merged into the first."""
    rng = stream(landscape.seed, "salesforce contacts")
    records = landscape.salesforce
    customer = landscape.persons.customer[records.person]
    is_person_account = landscape.home[customer] == ADVISED
    numbers = np.arange(1, records.count + 1)
    # Numbers of person accounts follow those of organisations that may still come.
    account_number = np.where(
        is_person_account, 2 * accounts.entry.size + numbers, accounts.entry[customer] + 1
    )
    _, first, inverse = np.unique(records.person, return_index=True, return_inverse=True)
    winner = first[inverse]
    is_merged = (winner != numbers - 1) & (rng.random(records.count) < _MERGED_SHARE)
    merged_at = later(records.created_at, rng.uniform(5, 120, records.count))
    has_salutation = rng.random(records.count) < 0.7
    gender = landscape.persons.gender[records.person]
    titles = ("Owner", "Purchasing Manager", "Office Manager", "CFO", "Assistant", "Buyer")
    return records.as_table(
        is_person_account=is_person_account,
        account_number=account_number,
        account_id=salesforce_ids("001", account_number),
        contact_id=salesforce_ids("003", numbers),
        master_account_id=salesforce_ids("001", account_number[winner]),
        master_contact_id=salesforce_ids("003", winner + 1),
        merged_at=only_if(is_merged, merged_at),
        salutation=text(np.where(has_salutation & (gender < 2), gender, -1), ("Ms.", "Mr.")),
        title=text(
            np.where(is_person_account, -1, rng.integers(0, len(titles), records.count)), titles
        ),
        lead_source=_lead_sources(landscape, customer),
        owner_id=_owner_ids(account_number),
        opted_out_at=landscape.opted_out_at()[records.person],
    )


def _lead_sources(landscape: Landscape, customer: Ints) -> pa.Array:
    sources = ("Web", "Google AdWords", "Social Media", "Affiliate", "Customer Referral", "Store")
    return text(landscape.company.people.channel[customer], sources)


def _leads(landscape: Landscape, accounts: _Accounts, contacts: pa.Table) -> pa.Table:
    """Make leads; those of accounts were converted into the account's first contact."""
    records = landscape.leads
    numbers = np.arange(1, records.count + 1)
    entry = accounts.entry[records.person]
    is_converted = entry >= 0
    contact = landscape.salesforce.at(records.person, landscape.company.seen_at[records.person])
    converted_at = later(landscape.company.seen_at[records.person], -2 / 1440)
    organisation = landscape.company.people.organisation[records.person]
    return records.as_table(
        lead_id=salesforce_ids("00Q", numbers),
        company=text(organisation, ORGANISATIONS),
        converted_at=only_if(is_converted, converted_at),
        account_id=salesforce_ids("001", entry + 1),
        contact_id=salesforce_ids("003", contact + 1),
        lead_source=_lead_sources(landscape, records.person),
        owner_id=_owner_ids(numbers),
        opted_out_at=landscape.opted_out_at()[records.person],
    )


def _acting(
    landscape: Landscape, contacts: pa.Table, part: str, customer: Ints, instants: Instants
) -> dict[str, pa.Array]:
    """Name account, contact and owner behind events: a contact who was known then."""
    records = landscape.salesforce
    row = records.at(landscape.actors(part, customer), instants)
    is_known = (row >= 0) & (records.created_at[np.maximum(row, 0)] <= instants)
    row = np.where(is_known, row, records.at(customer, instants))
    rows = pa.array(row)
    return {
        name: contacts[name].combine_chunks().take(rows)
        for name in ("account_id", "contact_id", "owner_id", "email", "mobile")
    }


def _orders(
    landscape: Landscape, accounts: _Accounts, contacts: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """Make the won opportunities and their lines, in the currency of the account."""
    company = landscape.company
    all_orders, all_lines = company.tables["orders"], company.tables["order_lines"]
    all_customers = column(all_orders, "person")
    is_here = landscape.is_at(all_customers, (ACCOUNT,))
    of_line = column(all_lines, "order_number") - 1
    orders, lines = all_orders.filter(pa.array(is_here)), all_lines.filter(is_here[of_line])
    entry = accounts.entry[all_customers]
    currencies = accounts.table["currency"].combine_chunks()
    of_line = of_line[is_here[of_line]]

    rates = _rates(landscape).to_pandas().pivot(index="month", columns="currency", values="rate")
    month = column(all_orders, "ordered_at").astype("datetime64[M]")
    month_code = (month - rates.index.values.astype("datetime64[M]")[0]).astype(np.int64)
    currency = pc.index_in(currencies, pa.array(CURRENCIES)).to_numpy()
    order_currency = np.where(is_here, currency[np.maximum(entry, 0)], 0)
    rate = rates[list(CURRENCIES)].to_numpy()[month_code, order_currency]

    unit_price = np.rint(column(lines, "unit_price") * rate[of_line]).astype(np.int64)
    list_price = np.rint(column(lines, "list_price") * rate[of_line]).astype(np.int64)
    total = unit_price * column(lines, "quantity")
    amount = np.zeros(all_orders.num_rows, dtype=np.int64)
    np.add.at(amount, of_line, total)
    ids = salesforce_ids("006", np.arange(1, all_orders.num_rows + 1))
    names = text(order_currency, CURRENCIES)
    here = pa.array(np.flatnonzero(is_here))
    customer = all_customers[is_here]
    product = column(lines, "product_number")
    products = _catalogue(company)
    return (
        with_columns(
            orders,
            **{
                "opportunity_id": ids.take(here),
                "currency": names.take(here),
                "amount": amount[is_here],
                **_acting(landscape, contacts, "orders", customer, column(orders, "ordered_at")),
            },
        ),
        table(
            order_number=of_line + 1,
            line_number=column(lines, "line_number"),
            line_id=salesforce_ids(
                "00k", 1 + np.flatnonzero(is_here[column(all_lines, "order_number") - 1])
            ),
            opportunity_id=ids.take(pa.array(of_line)),
            entry_id=salesforce_ids("01u", product),
            product_id=salesforce_ids("01t", product),
            sku=products["sku"].combine_chunks().take(pa.array(product - 1)),
            product_name=products["name"].combine_chunks().take(pa.array(product - 1)),
            currency=names.take(pa.array(of_line)),
            quantity=column(lines, "quantity"),
            unit_price=unit_price,
            list_price=list_price,
            total_price=total,
            ordered_at=column(lines, "ordered_at"),
        ),
    )


def _pipeline(landscape: Landscape, accounts: _Accounts, contacts: pa.Table) -> pa.Table:
    """Make the opportunities that are not orders: frame contracts.

    One that is won has no amount any more: the orders under it are what is sold.
    """
    content = landscape.company.tables["opportunities"]
    content = content.filter(pa.array(landscape.is_at(column(content, "person"), (ACCOUNT,))))
    number = landscape.company.tables["orders"].num_rows + column(content, "opportunity_number")
    customer, created_at = column(content, "person"), column(content, "created_at")
    return with_columns(
        content,
        **{
            "opportunity_id": salesforce_ids("006", number),
            **_acting(landscape, contacts, "opportunities", customer, created_at),
        },
    )


def _cases(landscape: Landscape, accounts: _Accounts, contacts: pa.Table) -> pa.Table:
    content = landscape.company.tables["cases"]
    content = content.filter(
        pa.array(landscape.is_at(column(content, "person"), (ACCOUNT, ADVISED)))
    )
    customer, opened_at = column(content, "person"), column(content, "opened_at")
    acting = _acting(landscape, contacts, "cases", customer, opened_at)
    return with_columns(
        content,
        **{"case_id": salesforce_ids("500", column(content, "case_number")), **acting},
    )


def _case_history(landscape: Landscape, cases: pa.Table) -> pa.Table:
    """Make the history rows: creation, changes of status, and two per change of owner."""
    events = landscape.company.tables["case_events"]
    with opened({"events": events, "cases": cases}) as con:
        rows = con.execute(
            """
            with status as (
                select case_number, case_id, owner_id, event_number, occurred_at,
                    from_value, to_value, map(?, ?) as names
                from events join cases using (case_number)
                where kind = 'status'
            ),
            rows as (
                select *, 0 as part, if(to_value = 'new', 'created', 'Status') as field,
                    'Text' as data_type,
                    names[from_value] as old_value,
                    if(to_value = 'new', null, names[to_value]) as new_value
                from status
                union all
                select *, 1, 'Owner', 'Text', 'Service Queue',
                    'Agent ' || right(owner_id, 5)[:2]
                from status where from_value = 'new'
                union all
                select *, 2, 'Owner', 'EntityId', '00G5g000001QueueEAA', owner_id
                from status where from_value = 'new'
            )
            select 3 * event_number + part as history_number, * exclude (part, names)
            from rows order by history_number
            """,
            [list(_STATUSES), list(_STATUSES.values())],
        ).to_arrow_table()
    number = column(rows, "history_number")
    return with_columns(rows, history_id=salesforce_ids("017", number))


def _activities(landscape: Landscape, accounts: _Accounts, contacts: pa.Table) -> pa.Table:
    """Make calls, messages, meetings and visits."""
    content = landscape.company.tables["interactions"]
    content = content.filter(
        pa.array(landscape.is_at(column(content, "person"), (ACCOUNT, ADVISED)))
    )
    customer, occurred_at = column(content, "person"), column(content, "occurred_at")
    acting = _acting(landscape, contacts, "interactions", customer, occurred_at)
    number = column(content, "interaction_number")
    minutes = np.maximum(np.rint(np.nan_to_num(column(content, "seconds"), nan=1800.0) / 60), 1)
    ids = salesforce_ids("00U", number)
    return with_columns(
        content,
        **{
            **acting,
            "activity_number": number,
            "activity_id": salesforce_ids("00T", number),
            "activity_short_id": short_ids(ids),
            "contact_short_id": short_ids(acting["contact_id"]),
            "account_short_id": short_ids(acting["account_id"]),
            "case_id": salesforce_ids(
                "500", np.nan_to_num(column(content, "case_number"), nan=0.0).astype(np.int64)
            ),
            "minutes": minutes.astype(np.int64),
        },
    )


def _campaigns(landscape: Landscape, contacts: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Make the members that accounts have in campaigns; control groups are not written down."""
    members = landscape.company.tables["campaign_members"]
    number = np.arange(1, members.num_rows + 1)
    is_here = landscape.is_at(column(members, "person"), (ACCOUNT, ADVISED))
    is_here &= ~column(members, "is_control")
    members, number = members.filter(pa.array(is_here)), number[is_here]
    customer, sent_at = column(members, "person"), column(members, "sent_at")
    campaigns = landscape.company.tables["campaigns"]
    contacts_of = np.bincount(column(members, "campaign_number") - 1, minlength=campaigns.num_rows)
    used = contacts_of > 0
    per_contact = round(100 * landscape.company.parameters.campaigns.cost_per_contact)
    cost = per_contact * contacts_of
    campaign_number = column(campaigns, "campaign_number")
    members = with_columns(
        members,
        **{
            "member_number": number,
            "member_id": salesforce_ids("00v", number),
            "campaign_id": salesforce_ids("701", column(members, "campaign_number")),
            **_acting(landscape, contacts, "campaigns", customer, sent_at),
        },
    )
    campaigns = table(
        campaign_number=campaign_number,
        campaign_id=salesforce_ids("701", campaign_number),
        name=campaigns["name"],
        start_date=campaigns["start_date"],
        end_date=campaigns["end_date"],
        contacts=contacts_of,
        budget=cost + 5_000,
        cost=cost,
        owner_id=_owner_ids(campaign_number),
    )
    return members, campaigns.filter(pa.array(used))


def _catalogue(company: Company) -> pa.Table:
    products = company.tables["products"]
    return with_columns(
        products,
        **{
            "product_id": salesforce_ids("01t", column(products, "product_number")),
            "sku": product_skus(products),
        },
    )


def _rates(landscape: Landscape) -> pa.Table:
    """Draw monthly rates, units per US dollar, as a random walk."""
    rng = stream(landscape.seed, "currency rates")
    start = landscape.company.end - np.timedelta64(
        landscape.company.parameters.acquisition.history_days, "D"
    )
    months = np.arange(
        start.astype("datetime64[M]"), landscape.company.end.astype("datetime64[M]") + 1
    )
    steps = rng.normal(0, 0.012, (months.size, len(CURRENCIES)))
    steps[:, 0] = 0.0
    rates = np.round(np.array(_FIRST_RATES) * np.exp(np.cumsum(steps, axis=0)), 6)
    return table(
        month=np.repeat(months, len(CURRENCIES)).astype("datetime64[D]"),
        currency=text(np.tile(np.arange(len(CURRENCIES)), months.size), CURRENCIES),
        rate=rates.ravel(),
    )
