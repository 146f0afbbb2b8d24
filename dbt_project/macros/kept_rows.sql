{#
    Tables that are brought up to date where what they were made from has changed: rows carry a
    fingerprint of it, and whoever lacks a row with today's fingerprint is made anew.

    A model may be materialised so (`incremental`, strategy `kept_rows`, a `unique_key`) when it then
    gives the rows of every key that changed, and for each key that is gone a row in which
    `record_number`, or whatever column comes first, is NULL. Where rows of one key can differ in some
    columns only (`merge_update_columns`), these are written and the others left as they are, whatever
    the model gives for them: a table is rewritten column by column. What it becomes is what it would be
    if made anew: fingerprints cover all that decides besides code and settings. When these change,
    orchestration/lib/staged_files.py has all made anew.
#}
{% macro get_incremental_kept_rows_sql(arguments) -%}
    {%- set key = arguments['unique_key'] -%}
    {%- set key = (key if key is string else key | join(', ')) -%}
    {%- set first = arguments['dest_columns'][0].quoted -%}
    {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
    {%- set updated = config.get('merge_update_columns') -%}
    {%- if updated %}
    update {{ arguments['target_relation'] }} as kept
    set {% for column in updated %}{{ column }} = made.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ arguments['temp_relation'] }} as made
    where kept.{{ key }} = made.{{ key }} and made.{{ first }} is not null;
    delete from {{ arguments['temp_relation'] }}
    where {{ first }} is not null
        and {{ key }} in (select {{ key }} from {{ arguments['target_relation'] }});
    {%- endif %}
    delete from {{ arguments['target_relation'] }}
    where ({{ key }}) in (select ({{ key }}) from {{ arguments['temp_relation'] }});
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
    where {{ first }} is not null
{%- endmacro %}


{# Whether the model at hand has rows of an earlier build; a unit test has no table of its own. #}
{% macro has_kept_rows() -%}
    {{ return(execute and this and is_incremental()) }}
{%- endmacro %}
