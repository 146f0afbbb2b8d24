with

records as (
    select * from {{ ref('int_accounts__records') }}
    where is_organisation
),

stated as (
    {% for rule, value in {
        'registration_id': 'registration_id',
        'domain': 'domain',
        'name_and_postal_code': "organisation_name || '|' || postal_code",
        'name_and_city': "organisation_name || '|' || city",
    }.items() -%}
        select
            customer_key,
            record_number,
            organisation_name,
            registration_id,
            domain,
            parent_customer_key,
            '{{ rule }}' as link_rule,
            {{ value }} as value
        from records
        where {{ value }} is not null
        {% if not loop.last %}union all{% endif %}
    {% endfor -%}
),

-- A domain of many names, a marketplace's or a form's example, is nobody's own.
shared as (
    select
        link_rule,
        value
    from stated
    group by link_rule, value
    having
        count(distinct customer_key) > 1
        and count(distinct organisation_name) <= {{ setting('organisation_names_per_domain') }}
),

pairs as (
    select
        a.customer_key as customer_key_a,
        b.customer_key as customer_key_b,
        a.link_rule,
        case
            when
                a.parent_customer_key = b.customer_key or b.parent_customer_key = a.customer_key
                then 'parent_and_child'
            when a.registration_id != b.registration_id then 'registration_ids_differ'
            when
                a.link_rule = 'domain' and {{ organisation_names_differ('a', 'b') }}
                then 'names_differ'
            when a.link_rule != 'registration_id' and a.domain != b.domain then 'domains_differ'
        end as guard
    from shared
    inner join stated as a on shared.link_rule = a.link_rule and shared.value = a.value
    inner join stated as b
        on
            shared.link_rule = b.link_rule
            and shared.value = b.value
            and a.record_number < b.record_number
    where a.customer_key != b.customer_key
)

-- A pair is refused by a rule as soon as two of its records speak against it.
select
    least(customer_key_a, customer_key_b) as customer_key_a,
    greatest(customer_key_a, customer_key_b) as customer_key_b,
    link_rule,
    min(guard) as guard
from pairs
group by least(customer_key_a, customer_key_b), greatest(customer_key_a, customer_key_b), link_rule
