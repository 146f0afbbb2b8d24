{#
    Stand-ins for the macros that ask dbt's graph or a database; only the SQL linter reads them
    (.sqlfluff). They give a statement of the same kind, so that the model around it can be parsed.
#}
{% macro current_records(
    system, object, with_first_export=false, key=none, with_deleted=false
) -%}
    (select * from {{ system }}__{{ object }})
{%- endmacro %}


{% macro control_totals(system, objects) -%}
    select entity, measure, value from {{ system }}__control_totals
{%- endmacro %}


{% macro union_control_totals() -%}
    select source_system, entity, measure, value from control_totals_of_all_systems
{%- endmacro %}


{% macro union_systems(entity) -%}
    select * from {{ entity }}_of_all_systems
{%- endmacro %}


{% macro merge_targets(merges) -%}
    select loser_id, max(winner_id) as target_id from {{ merges }} group by loser_id
{%- endmacro %}


{% macro newest_rows(system, object, columns) -%}
    select * from {{ system }}__{{ object }}
{%- endmacro %}


{% macro consent_changes(system, object, key, flags) -%}
    (select * from {{ system }}__{{ object }})
{%- endmacro %}


{% macro zendesk_merged_tickets() -%}
    (select * from zendesk__merged_tickets)
{%- endmacro %}


{% macro zendesk_comments() -%}
    (select * from zendesk__comments)
{%- endmacro %}


{% macro json_list(column) -%}
    from_json({{ column }}, 'json')
{%- endmacro %}


{% macro salesforce_id(column) -%}
    trim({{ column }})
{%- endmacro %}


{% macro country_code(column) -%}
    upper({{ column }})
{%- endmacro %}


{% macro hubspot_is_day_first(value, object) -%}
    {{ value }} like '%/%'
{%- endmacro %}


{% macro hubspot_time(value, object, is_day_first) -%}
    cast({{ value }} as timestamp)
{%- endmacro %}
