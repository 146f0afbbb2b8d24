{{ config(materialized='view') }}

{{ union_systems('referrals') }}
