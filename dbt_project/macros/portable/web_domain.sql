{#
    The domain of a website or mail address, without scheme, www, port and path; NULL for none. What
    has no dot inside, such as "n/a", is none.
#}
{% macro web_domain(column) -%}
    nullif(
        regexp_extract(
            regexp_replace(lower(trim({{ column }})), '^[a-z]+:[/][/]|^.*@', ''),
            '^(www[.])?([^ .:/?#]+([.][^ .:/?#]+)+)',
            2
        ),
        ''
    )
{%- endmacro %}
