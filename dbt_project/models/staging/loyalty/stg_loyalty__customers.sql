with

members as (
    select * from {{ current_records('loyalty', 'members', with_first_export=true) }}
)

select
    member_id as customer_id,
    'members' as source_object,
    'person' as customer_type,
    nullif(trim(first_name), '') as first_name,
    nullif(trim(last_name), '') as last_name,
    nullif(trim(full_name), '') as full_name,
    nullif(trim(email), '') as email,
    nullif(trim(phone), '') as phone,
    cast(birth_date as date) as birth_date,
    nullif(lower(trim(gender)), '') as gender,
    nullif(trim(street), '') as street,
    nullif(trim(city), '') as city,
    nullif(trim(region), '') as region,
    nullif(trim(postal_code), '') as postal_code,
    nullif(trim(country_code), '') as country_code,
    -- The card is shown in other systems.
    nullif(
        concat_ws(
            ';', nullif(trim(external_ids), ''), 'card:' || nullif(trim(card_number), '')
        ),
        ''
    ) as external_ids,
    nullif(trim(card_number), '') as loyalty_number,
    cast(joined_at as timestamp) as created_at,
    cast(updated_at as timestamp) as updated_at,
    first_exported_at,
    {{ metadata_with(['tier', 'points_balance', 'status', 'left_at']) }} as source_metadata,
    _file_name,
    _row_number
from members
