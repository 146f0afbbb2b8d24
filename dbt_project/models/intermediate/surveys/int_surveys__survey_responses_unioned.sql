{{ config(materialized='view') }}

{{ union_systems('survey_responses') }}
