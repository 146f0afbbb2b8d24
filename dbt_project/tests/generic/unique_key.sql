{#
    The grain: no two rows share the key, and no part of it is NULL unless it is listed as nullable.
#}
{% test unique_key(model, columns, nullable=[]) %}
select
    {{ columns | join(',\n    ') }},
    count(*) as count_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 {% for column in columns if column not in nullable %}or {{ column }} is null {% endfor %}
{% endtest %}
