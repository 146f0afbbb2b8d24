{{ config(materialized='view') }}

{{ union_systems('campaigns') }}
