{# Whole seconds from one timestamp to another; negative when the second is earlier. #}
{% macro seconds_between(start, stop) -%}
    date_diff('second', {{ start }}, {{ stop }})
{%- endmacro %}


{# A timestamp some days later. #}
{% macro days_after(instant, days) -%}
    {{ instant }} + {{ days }} * interval 1 day
{%- endmacro %}


{# A day some years later; 29 February becomes the 28th where there is none. #}
{% macro years_after(day, years) -%}
    cast({{ day }} + {{ years }} * interval 1 year as date)
{%- endmacro %}


{# The first instant after the as-of day: what still runs is read then. #}
{% macro as_of_end() -%}
    {{ setting('as_of_date') }} + interval 1 day
{%- endmacro %}


{# The interpolated percentile of a column, as pandas and NumPy compute it; empty cells are left out. #}
{% macro percentile(column, share) -%}
    quantile_cont({{ column }}, {{ share }})
{%- endmacro %}


{# The wall clock of a time zone (IANA name) at a UTC timestamp, as a timestamp without zone. #}
{% macro local_time(instant, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ instant }}))
{%- endmacro %}
