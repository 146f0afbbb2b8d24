{# What every customer has recommended; recommending oneself does not count. #}
{% macro referrals_by_customer() -%}
    select
        referrer_customer_key as customer_key,
        count(*) as count_referrals,
        count(*) filter (where is_converted) as count_referrals_converted
    from {{ ref('fct_referrals') }}
    where referrer_customer_key is not null and not is_self_referral
    group by referrer_customer_key
{%- endmacro %}
