{{ config(materialized='view') }}

{{ union_systems('cases') }}
