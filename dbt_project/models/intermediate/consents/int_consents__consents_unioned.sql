{{ config(materialized='view') }}

{{ union_systems('consents') }}
