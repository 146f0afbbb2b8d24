with

consents as (
    select * from {{ ref('int_consents__consents_keyed') }}
    where customer_key is not null
),

-- What each record said last; of two words at once the refusal counts.
last_words as (
    select *
    from (
        select
            *,
            row_number() over (
                partition by source_system, customer_id, channel, purpose
                order by recorded_at desc nulls last, is_granted, _file_name, _row_number
            ) as statement_rank
        from consents
    ) as ranked
    where statement_rank = 1
)

-- A refusal stands until the record that made it takes it back: what another record of the customer
-- allows, however much later, does not loosen it.
select
    customer_key,
    channel,
    purpose,
    bool_and(is_granted) as is_granted,
    count(*) as count_statements,
    count(*) filter (where not is_granted) as count_refusals,
    max(recorded_at) as last_recorded_at
from last_words
where is_granted is not null
group by customer_key, channel, purpose
