{{ config(materialized='view') }}

{{ union_systems('order_lines') }}
