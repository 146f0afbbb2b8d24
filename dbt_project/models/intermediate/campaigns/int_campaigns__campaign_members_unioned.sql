{{ config(materialized='view') }}

{{ union_systems('campaign_members') }}
