{{ config(materialized='view') }}

with

referrals as (
    select * from {{ ref('int_loyalty__referrals_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where invited_at < {{ setting('as_of_date') }} + interval 1 day
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    {{ surrogate_key(['referrals.source_system', 'referrals.referral_id']) }} as referral_key,
    referrals.source_system,
    referrer.customer_key as referrer_customer_key,
    referred.customer_key as referred_customer_key,
    referrals.referral_id,
    referrals.referrer_customer_id,
    referrals.referred_customer_id,
    referrals.invited_at,
    referrals.converted_at,
    referrals.channel,
    referrals._file_name,
    referrals._row_number
from referrals
left join identity as referrer
    on
        referrals.source_system = referrer.source_system
        and referrals.referrer_customer_id = referrer.source_record_id
-- Who has not become a customer has no key yet.
left join identity as referred
    on
        referrals.source_system = referred.source_system
        and referrals.referred_customer_id = referred.source_record_id
