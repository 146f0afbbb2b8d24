{{ config(materialized='view') }}

{{ union_systems('payments') }}
