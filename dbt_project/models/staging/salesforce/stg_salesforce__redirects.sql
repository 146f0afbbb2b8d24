with

accounts as (
    select * from {{ salesforce_records('accounts', with_deleted=true) }}
),

contacts as (
    select * from {{ salesforce_records('contacts', with_deleted=true) }}
),

leads as (
    select * from {{ salesforce_records('leads', with_deleted=true) }}
),

cases as (
    select * from {{ salesforce_records('cases', with_deleted=true) }}
),

stated as (
    {% for object in ['accounts', 'contacts', 'leads', 'cases'] -%}
        select
            '{{ object }}' as source_object,
            {{ salesforce_id('id') }} as loser_id,
            {{ salesforce_id('master_record_id') }} as winner_id,
            'merged' as reason,
            1 as precedence
        from {{ object }}
        union all
    {% endfor -%}
    -- A person account is an account and a contact at once; the account is the customer. Either of
    -- the two files may say so.
    select
        'contacts' as source_object,
        {{ salesforce_id('person_contact_id') }} as loser_id,
        {{ salesforce_id('id') }} as winner_id,
        'person_account' as reason,
        2 as precedence
    from accounts
    where cast(is_person_account as boolean)
    union all
    select
        'contacts' as source_object,
        {{ salesforce_id('id') }} as loser_id,
        {{ salesforce_id('account_id') }} as winner_id,
        'person_account' as reason,
        2 as precedence
    from contacts
    where cast(is_person_account as boolean)
    union all
    select
        'leads' as source_object,
        {{ salesforce_id('id') }} as loser_id,
        {{ salesforce_id('converted_contact_id') }} as winner_id,
        'converted' as reason,
        3 as precedence
    from leads
    where cast(is_converted as boolean)
),

-- One way on per record: what a merge says is newer than what was true before it.
first_steps as (
    select *
    from stated
    where loser_id is not null and winner_id is not null and loser_id != winner_id
    qualify row_number() over (partition by loser_id order by precedence, winner_id) = 1
),

followed as (
    select * from ({{ merge_targets('first_steps') }}) as targets
)

select
    first_steps.source_object,
    followed.loser_id as record_id,
    followed.target_id,
    first_steps.reason
from followed
inner join first_steps on followed.loser_id = first_steps.loser_id
