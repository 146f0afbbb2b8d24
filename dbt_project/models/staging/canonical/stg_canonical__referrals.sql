with

current_rows as (
    select * from {{ current_records('canonical', 'referrals') }}
),

typed as (
    select
        nullif(trim(referral_id), '') as referral_id,
        nullif(trim(referrer_customer_id), '') as referrer_customer_id,
        nullif(trim(referred_customer_id), '') as referred_customer_id,
        cast(invited_at as timestamp) as invited_at,
        cast(converted_at as timestamp) as converted_at,
        nullif(trim(channel), '') as channel,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    referral_id,
    referrer_customer_id,
    referred_customer_id,
    invited_at,
    converted_at,
    channel,
    source_metadata,
    _file_name,
    _row_number
from typed
