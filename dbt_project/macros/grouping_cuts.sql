{#
    Grouping sets for a table of cuts: each of `cuts` by itself and none of them, all with `keys`
    (none when empty), and all that with and without each of `optional`.
#}
{% macro grouping_cuts(keys, optional, cuts) -%}
    {%- set sets = [[keys] if keys else []] -%}
    {%- for cut in cuts -%}
        {%- do sets.append(sets[0] + [cut]) -%}
    {%- endfor -%}
    {%- for column in optional -%}
        {%- for columns in sets | list -%}
            {%- do sets.append(columns + [column]) -%}
        {%- endfor -%}
    {%- endfor -%}
    grouping sets ( {%- for columns in sets %}({{ columns | join(', ') }}){{ ', ' if not loop.last }}{% endfor -%} )
{%- endmacro %}

{#
    Name and value of the cut of a row of `grouping_cuts`: `all` for the row of no cut. `cuts` gives
    the column of each name. In brackets where a cut has no value: one may well be called "unknown".
#}
{% macro cut_columns(cuts) -%}
    case
        {%- for name, column in cuts.items() %}
        when grouping({{ column }}) = 0 then '{{ name }}'
        {%- endfor %}
        else 'all'
    end as dimension_name,
    case
        {%- for column in cuts.values() %}
        when grouping({{ column }}) = 0 then coalesce({{ column }}, '(unknown)')
        {%- endfor %}
        else 'all'
    end as dimension_value
{%- endmacro %}
