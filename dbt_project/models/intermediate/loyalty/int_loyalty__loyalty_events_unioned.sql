{{ config(materialized='view') }}

{{ union_systems('loyalty_events') }}
