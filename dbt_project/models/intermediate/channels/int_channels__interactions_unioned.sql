{{ config(materialized='view') }}

{{ union_systems('interactions') }}
