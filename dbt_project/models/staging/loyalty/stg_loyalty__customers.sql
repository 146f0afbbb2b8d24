{{ config(materialized='incremental') }}
with

members as (
    select * from {{ current_records('loyalty', 'members', with_first_export=true) }}
)

select
    {{ loyalty_member_columns() }},
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
