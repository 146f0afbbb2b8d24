with

consents as (
    select * from {{ ref('int_consents__consents_keyed') }}
    where customer_key is not null
),

latest as (
    select
        customer_key,
        lower(trim(channel)) as channel,
        lower(trim(purpose)) as purpose,
        max(recorded_at) filter (where is_granted) as granted_at,
        max(recorded_at) filter (where not is_granted) as refused_at,
        -- Nobody knows what came after a refusal without a time.
        coalesce(bool_or(not is_granted and recorded_at is null), false) as is_refused_undated
    from consents
    group by
        customer_key,
        lower(trim(channel)),
        lower(trim(purpose))
),

standing as (
    select
        *,
        -- Of a grant and a refusal at one moment the refusal holds.
        is_refused_undated
        or coalesce(refused_at >= granted_at, refused_at is not null) as is_refused
    from latest
)

select
    customer_key,
    channel,
    coalesce(bool_or(purpose = 'marketing' and not is_refused), false) as is_marketing_granted,
    -- Who was asked about surveys has answered for them; else the word on marketing holds.
    coalesce(
        bool_or(not is_refused) filter (where purpose = 'survey'),
        bool_or(not is_refused) filter (where purpose = 'marketing'),
        false
    ) as is_survey_granted,
    coalesce(bool_or(purpose != 'survey' and is_refused), false) as is_contact_refused
from standing
group by
    customer_key,
    channel
