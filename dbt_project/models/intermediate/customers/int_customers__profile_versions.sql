{%- set grain = ['customer_key', 'valid_from'] -%}
with

versions as (
    select * from {{ ref('int_customers__record_versions') }}
),

sizes as (
    select
        customer_key,
        count(*) as count_versions
    from versions
    group by customer_key
),

-- Whenever a version of any of its records begins or ends, a customer may be another.
moments as (
    select
        customer_key,
        moment as valid_from,
        lead(moment) over (partition by customer_key order by moment) as valid_to
    from (
        select
            versions.customer_key,
            versions.valid_from as moment
        from versions
        inner join sizes on versions.customer_key = sizes.customer_key
        where sizes.count_versions > 1
        union -- one moment is one moment, however many records changed in it
        select
            versions.customer_key,
            versions.valid_to as moment
        from versions
        inner join sizes on versions.customer_key = sizes.customer_key
        where sizes.count_versions > 1 and versions.valid_to is not null
    ) as changes
),

-- The records of a customer as they were in each of its moments.
snapshots as (
    select
        moments.customer_key,
        moments.valid_from,
        moments.valid_to,
        versions.record_number,
        versions.known_from,
        versions.trust_rank,
        versions.changed_at,
        versions.is_email_distrusted,
        versions.is_phone_distrusted,
        {{ surviving_columns() }}
    from moments
    inner join versions
        on
            moments.customer_key = versions.customer_key
            and moments.valid_from >= versions.valid_from
            and (versions.valid_to is null or moments.valid_from < versions.valid_to)
),

living as (
    select
        customer_key,
        valid_from,
        max(valid_to) as valid_to,
        max(known_from) as known_from
    from snapshots
    group by customer_key, valid_from
),

ranked as (
    {{ ranked_statements('snapshots', grain) }}
),

winners as (
    select * from ranked
    where statement_rank = 1
),

surviving as (
    {{ surviving_records('winners', 'snapshots', grain) }}
),

profiles as (
    -- One record that never changed.
    select
        customer_key,
        valid_from,
        valid_to,
        known_from,
        {{ surviving_columns() }}
    from versions
    where
        customer_key in (
            select sizes.customer_key
            from sizes
            where sizes.count_versions = 1
        )
    union all
    -- Records that state nothing at all have no winner; their customer is there all the same.
    select
        living.customer_key,
        living.valid_from,
        living.valid_to,
        living.known_from,
        {{ surviving_columns() }}
    from living
    left join surviving
        on
            living.customer_key = surviving.customer_key
            and living.valid_from = surviving.valid_from
)

select
    customer_key,
    valid_from,
    valid_to,
    known_from,
    {{ surviving_columns() }}
from profiles
