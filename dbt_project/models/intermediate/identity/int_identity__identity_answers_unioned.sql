{{ config(materialized='view') }}

{{ union_systems('identity_answers') }}
