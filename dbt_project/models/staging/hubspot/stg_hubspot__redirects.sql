with

contacts as (
    select * from {{ current_records('hubspot', 'contacts', with_deleted=true) }}
),

companies as (
    select * from {{ current_records('hubspot', 'companies', with_deleted=true) }}
),

deals as (
    select * from {{ current_records('hubspot', 'deals', with_deleted=true) }}
),

tickets as (
    select * from {{ current_records('hubspot', 'tickets', with_deleted=true) }}
),

-- The surviving record lists what was merged into it. Identifiers are unique per object only.
stated as (
    {% for object, key, merged, prefix in [
        ('contacts', 'record_id', 'merged_contact_ids', ''),
        ('companies', 'record_id', 'merged_company_ids', 'company:'),
        ('deals', 'record_id', 'merged_deal_ids', 'deal:'),
        ('tickets', 'ticket_id', 'merged_ticket_ids', 'ticket:'),
    ] -%}
        select
            '{{ object }}' as source_object,
            '{{ prefix }}'
            || trim(unnest(string_split({{ merged }}, ';'))) as loser_id,
            '{{ prefix }}' || trim({{ key }}) as winner_id
        from {{ object }}
        {% if not loop.last %}union all{% endif %}
    {% endfor -%}
),

-- A record may stand in the lists of several survivors, when those were merged in turn: any of them
-- leads to the last one.
first_steps as (
    select *
    from stated
    where loser_id not in ('', 'company:', 'deal:', 'ticket:') and loser_id != winner_id
    qualify row_number() over (partition by loser_id order by winner_id) = 1
),

followed as (
    select * from ({{ merge_targets('first_steps') }}) as targets
)

select
    first_steps.source_object,
    followed.loser_id as record_id,
    followed.target_id,
    'merged' as reason
from followed
inner join first_steps on followed.loser_id = first_steps.loser_id
