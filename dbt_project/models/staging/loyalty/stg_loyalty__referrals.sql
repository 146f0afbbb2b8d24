{{ config(materialized='incremental') }}
with

current_rows as (
    select * from {{ current_records('loyalty', 'referrals') }}
)

select
    referral_id,
    referrer_member_id as referrer_customer_id,
    nullif(trim(referred_member_id), '') as referred_customer_id,
    cast(invited_at as timestamp) as invited_at,
    cast(converted_at as timestamp) as converted_at,
    lower(nullif(trim(channel), '')) as channel,
    nullif(trim(referred_email), '') as referred_email,
    source_metadata,
    _file_name,
    _row_number
from current_rows
