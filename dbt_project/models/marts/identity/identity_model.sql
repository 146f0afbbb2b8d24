with

runs as (
    select * from {{ source('matching', 'runs') }}
),

levels as (
    select * from {{ source('matching', 'model') }}
)

-- A grain without a model keeps its row, which says why.
select
    runs.grain,
    runs.status,
    runs.seed,
    coalesce(levels.attribute, 'none') as attribute,
    coalesce(levels.level_number, 0) as level_number,
    levels.level,
    levels.m_probability,
    levels.u_probability,
    levels.match_weight
from runs
left join levels on runs.grain = levels.grain
