{{ config(materialized='view') }}

{{ union_systems('products') }}
