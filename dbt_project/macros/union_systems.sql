{#
    One entity over all enabled systems, in the entity's own columns and types.

    The columns are those of the calling model's contract; a system whose staging model lacks one
    gives NULL there. A system has the entity when it has a model stg_<system>__<entities>: the
    variable `entity_sources` lists them, made from the project's files by the command line.
#}
{% macro union_systems(entity) -%}
    {%- set systems = [] -%}
    {%- for system in var('systems') if entity in var('entity_sources', {}).get(system, []) -%}
        {%- do systems.append(system) -%}
    {%- endfor -%}
    {%- set selects = [] -%}
    {%- for system in systems -%}
        {%- set relation = ref('stg_' ~ system ~ '__' ~ entity) -%}
        {%- set present = [] -%}
        {%- if execute -%}
            {%- for column in adapter.get_columns_in_relation(relation) -%}
                {%- do present.append(column.name | lower) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- set columns = [] -%}
        {%- for name, column in model.columns.items() -%}
            {%- if name == 'source_system' -%}
                {%- set value = "'" ~ system ~ "'" -%}
            {%- elif name in present -%}
                {%- set value = name -%}
            {%- else -%}
                {%- set value = 'null' -%}
            {%- endif -%}
            {%- do columns.append("cast(" ~ value ~ " as " ~ column.data_type ~ ") as " ~ name) -%}
        {%- endfor -%}
        {%- do selects.append("select\n    " ~ columns | join(",\n    ") ~ "\nfrom " ~ relation) -%}
    {%- endfor -%}
    {%- if not selects -%}
        {#- No enabled system has the entity: an empty table of the right shape. -#}
        {%- set columns = [] -%}
        {%- for name, column in model.columns.items() -%}
            {%- do columns.append("cast(null as " ~ column.data_type ~ ") as " ~ name) -%}
        {%- endfor -%}
        {%- do selects.append("select\n    " ~ columns | join(",\n    ") ~ "\nwhere false") -%}
    {%- endif -%}
    {{ selects | join("\nunion all\n") }}
{%- endmacro %}
