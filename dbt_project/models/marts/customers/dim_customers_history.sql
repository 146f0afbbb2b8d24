{%- set attributes = surviving_attributes() -%}
with

versions as (
    select * from {{ ref('int_customers__profile_versions') }}
),

-- What an attribute says, not how it is written: `Ana Diaz` in one cell or two is one name.
stated as (
    select
        *,
        lag(valid_to) over (partition by customer_key order by valid_from) as previous_valid_to,
    {%- for attribute in attributes %}
        {{ attribute.value }} as {{ attribute.name }}_now{{ ',' if not loop.last }}
    {%- endfor %}
    from versions
),

compared as (
    select
        *,
    {%- for attribute in attributes %}
        lag({{ attribute.name }}_now) over (partition by customer_key order by valid_from)
            as {{ attribute.name }}_before{{ ',' if not loop.last }}
    {%- endfor %}
    from stated
),

judged as (
    select
        *,
        nullif(
            concat_ws(
                ', ',
                {% for attribute in attributes -%}
                    case
                        when {{ attribute.name }}_now is distinct from {{ attribute.name }}_before
                            then '{{ attribute.name }}'
                    end{{ ',' if not loop.last }}
                {% endfor %}
            ),
            ''
        ) as changed_attributes
    from compared
),

-- A record that joins and changes nothing begins nothing; a customer who was gone begins anew.
numbered as (
    select
        *,
        sum(
            case
                when previous_valid_to = valid_from and changed_attributes is null then 0
                else 1
            end
        ) over (
            partition by customer_key
            order by valid_from
            rows between unbounded preceding and current row
        ) as version_number
    from judged
),

bounds as (
    select
        customer_key,
        version_number,
        min(valid_from) as valid_from,
        min(known_from) as known_from,
        max(valid_from) as last_from,
        -- Of an interval only its beginning changes anything; the first of all has none before it.
        max(case when previous_valid_to is not null then changed_attributes end)
            as changed_attributes
    from numbered
    group by customer_key, version_number
),

-- Of one interval the last spelling, which for today's is that of the profile.
intervals as (
    select
        numbered.*,
        bounds.valid_from as first_from,
        bounds.known_from as first_known_from,
        bounds.changed_attributes as first_changed_attributes
    from numbered
    inner join bounds
        on
            numbered.customer_key = bounds.customer_key
            and numbered.version_number = bounds.version_number
            and numbered.valid_from = bounds.last_from
)

select
    customer_key,
    cast(version_number as bigint) as version_number,
    first_from as valid_from,
    valid_to,
    valid_to is null as is_current,
    first_known_from as known_from,
    first_changed_attributes as changed_attributes,
    coalesce(customer_type, 'person') as customer_type, -- no word: a person
    {{ customer_name() }} as customer_name,
    first_name,
    last_name,
    company_name,
    email_normalised as email,
    phone_e164 as phone,
    birth_date,
    gender,
    street,
    city,
    region,
    postal_code,
    country_code,
    preferred_channel
from intervals
