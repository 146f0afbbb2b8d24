{{ config(materialized='view') }}

{{ union_systems('opportunities') }}
