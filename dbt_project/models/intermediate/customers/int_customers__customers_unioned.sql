{{ config(materialized='view') }}

{{ union_systems('customers') }}
