{{ config(materialized='view') }}

{{ union_systems('orders') }}
