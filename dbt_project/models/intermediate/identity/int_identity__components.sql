{{ config(materialized='table') }}

-- Every record that shares a trusted identifier with another, and its cluster's senior record.
{{ connected_components(ref('int_identity__edges')) }}
