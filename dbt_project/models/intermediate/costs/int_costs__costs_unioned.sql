{{ config(materialized='view') }}

{{ union_systems('costs') }}
