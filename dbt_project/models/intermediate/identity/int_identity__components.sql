{{ config(materialized='table') }}

-- Every record that shares a trusted identifier with another one, and the senior record of its cluster.
{{ connected_components(ref('int_identity__edges')) }}
