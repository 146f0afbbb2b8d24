with

organisations as (
    select * from {{ source('statistics', 'organisations') }}
),

ancestors as (
    select * from {{ source('statistics', 'organisation_ancestors') }}
),

relationships as (
    select * from {{ ref('customer_relationships') }}
),

profiles as (
    select * from {{ ref('int_customers__profiles') }}
),

records as (
    select * from {{ ref('int_accounts__records') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

-- What the records of an organisation say of it, the most trusted and newest first.
stated as (
    select
        organisation_key,
        min_by(domain, record_rank) filter (where domain is not null) as domain,
        min_by(industry, record_rank) filter (where industry is not null) as industry,
        min_by(count_employees, record_rank) filter (where count_employees is not null)
            as count_employees
    from (
        select
            relationships.organisation_key,
            records.domain,
            records.industry,
            records.count_employees,
            row_number() over (
                partition by relationships.organisation_key
                order by records.trust_rank, records.changed_at desc, records.record_number
            ) as record_rank
        from relationships
        inner join records on relationships.customer_key = records.customer_key
        where relationships.role = 'organisation'
    ) as ranked
    group by organisation_key
),

-- An organisation bears the name and the place of the customer that it is, a household those of
-- the member known longest, if that one's family name is kept apart.
faces as (
    select
        relationships.organisation_key,
        relationships.organisation_kind,
        profiles.company_name,
        profiles.last_name,
        {{ customer_name('profiles') }} as customer_name,
        profiles.city,
        profiles.region,
        profiles.country_code,
        row_number() over (
            partition by relationships.organisation_key
            order by
                relationships.role != 'organisation',
                profiles.last_name is null,
                profiles.first_created_at nulls last,
                profiles.customer_key
        ) as face_rank
    from relationships
    inner join profiles on relationships.customer_key = profiles.customer_key
),

spending as (
    select
        customer_key,
        sum(net_revenue) as net_revenue
    from orders
    group by customer_key
),

own as (
    select
        relationships.organisation_key,
        count(*) filter (where relationships.role != 'organisation') as count_persons,
        -- Who belongs to several organisations spends for the primary one.
        sum(spending.net_revenue) filter (where relationships.is_primary) as net_revenue
    from relationships
    left join spending on relationships.customer_key = spending.customer_key
    group by relationships.organisation_key
),

-- Every organisation once, however deep below it stands.
below as (
    select
        ancestors.ancestor_key as organisation_key,
        count(*) filter (where ancestors.distance = 1) as count_subsidiaries,
        sum(own.net_revenue) as net_revenue
    from ancestors
    inner join own on ancestors.organisation_key = own.organisation_key
    group by ancestors.ancestor_key
),

persons_below as (
    select
        ancestors.ancestor_key as organisation_key,
        count(distinct relationships.customer_key) as count_persons -- may work for two of them
    from ancestors
    inner join relationships on ancestors.organisation_key = relationships.organisation_key
    where relationships.role != 'organisation'
    group by ancestors.ancestor_key
)

select
    organisations.organisation_key,
    organisations.organisation_kind,
    organisations.organisation_kind = 'household' as is_household,
    case organisations.organisation_kind
        when 'household' then coalesce(faces.last_name, faces.customer_name) || ' household'
        else faces.company_name
    end as organisation_name,
    stated.domain,
    stated.industry,
    stated.count_employees,
    faces.city,
    faces.region,
    faces.country_code,
    organisations.parent_key as parent_organisation_key,
    organisations.ultimate_parent_key as ultimate_parent_organisation_key,
    organisations.depth,
    organisations.is_circle_cut,
    below.count_subsidiaries,
    own.count_persons,
    coalesce(persons_below.count_persons, 0) as count_persons_with_subsidiaries, -- nobody is known
    cast(coalesce(own.net_revenue, 0) as decimal(18, 4)) as net_revenue, -- bought nothing
    cast(coalesce(below.net_revenue, 0) as decimal(18, 4)) as net_revenue_with_subsidiaries
from organisations
inner join own on organisations.organisation_key = own.organisation_key
inner join below on organisations.organisation_key = below.organisation_key
left join persons_below on organisations.organisation_key = persons_below.organisation_key
left join stated on organisations.organisation_key = stated.organisation_key
left join faces
    on organisations.organisation_key = faces.organisation_key and faces.face_rank = 1
