{# The domain of a website or mail address, without scheme, www, port and path; NULL for none. #}
{% macro web_domain(column) -%}
    nullif(
        regexp_replace(
            split_part(
                split_part(
                    regexp_replace(lower(trim({{ column }})), '^[a-z]+:[/][/]|^.*@', ''), '/', 1
                ),
                ':', 1
            ),
            '^www[.]', ''
        ),
        ''
    )
{%- endmacro %}
