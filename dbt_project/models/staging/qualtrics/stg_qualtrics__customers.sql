{{ config(materialized='incremental') }}
with

responses as (
    select
        *,
        {{ qualtrics_customer_id() }} as customer_id
    from {{ qualtrics_responses() }}
)

-- Every response knows its recipient anew; identity joins them.
select
    customer_id,
    'responses' as source_object,
    'person' as customer_type,
    nullif(trim(recipient_first_name), '') as first_name,
    nullif(trim(recipient_last_name), '') as last_name,
    nullif(trim(recipient_email), '') as email,
    {{ external_id('external_reference') }} as external_ids,
    cast(recorded_at as timestamp) as created_at,
    first_exported_at,
    cast(null as varchar) as source_metadata,
    _file_name,
    _row_number
from responses
where customer_id is not null
