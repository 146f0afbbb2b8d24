{{ config(materialized='view') }}

{{ union_systems('customer_versions') }}
