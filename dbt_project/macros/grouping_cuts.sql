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
