{{ config(materialized='view') }}

{{ union_systems('case_events') }}
