select
    cast(metric_name as varchar) as metric_name,
    cast(chinese_term as varchar) as chinese_term,
    cast(definition as varchar) as definition,
    cast(unit as varchar) as unit,
    cast(published_in as varchar) as published_in,
    cast(source as varchar) as source
from {{ ref('metric_definitions') }}
