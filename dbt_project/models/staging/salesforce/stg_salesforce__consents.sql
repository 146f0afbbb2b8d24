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

redirects as (
    select * from {{ ref('stg_salesforce__redirects') }}
),

flags as (
    {% for object, email_flag, call_flag in [
        ('accounts', 'person_has_opted_out_of_email', 'person_do_not_call'),
        ('contacts', 'has_opted_out_of_email', 'do_not_call'),
        ('leads', 'has_opted_out_of_email', 'do_not_call'),
    ] -%}
        {% for channel, flag in [('email', email_flag), ('phone', call_flag)] -%}
            select
                {{ salesforce_id('id') }} as record_id,
                '{{ channel }}' as channel,
                cast(coalesce(last_modified_date, system_modstamp, created_date) as timestamp)
                    as recorded_at,
                source_metadata,
                _file_name,
                _row_number
            from {{ object }}
            where
                cast({{ flag }} as boolean)
                and ({{ is_not_deleted('_is_deleted') }} or master_record_id is not null)
            {% if not loop.last %}union all{% endif %}
        {% endfor -%}
        {% if not loop.last %}union all{% endif %}
    {% endfor -%}
)

-- Only refusals: the flags are false for everybody who was never asked, which is no consent. What a
-- merged or converted record refused holds for the customer it became.
select
    coalesce(redirects.target_id, flags.record_id) as customer_id,
    flags.channel,
    'marketing' as purpose,
    false as is_granted,
    flags.recorded_at,
    flags.source_metadata,
    flags._file_name,
    flags._row_number
from flags
left join redirects on flags.record_id = redirects.record_id
-- Two records of one customer may refuse at the same moment.
qualify row_number() over (
    partition by coalesce(redirects.target_id, flags.record_id), flags.channel, flags.recorded_at
    order by flags.record_id
) = 1
