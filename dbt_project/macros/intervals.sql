{# 97.5 % quantile of the standard normal: every published interval is a 95 % interval. #}
{% macro z_95() -%} 1.959963984540054 {%- endmacro %}


{#
    Wilson score interval of a share (Wilson 1927), one side.
    count_hits of count_all; side is 'low' or 'high'. None of all begins at 0 and all of all ends at
    1, exactly: rounding must not leave the range of a share nor miss its end.
#}
{% macro wilson_bound(count_hits, count_all, side) -%}
    {%- set sign = '-' if side == 'low' else '+' -%}
    {%- set end = '0' if side == 'low' else count_all %}
    case
        when {{ count_all }} > 0 and {{ count_hits }} = {{ end }}
            then cast({{ '0' if side == 'low' else '1' }} as double)
        else (
            cast({{ count_hits }} as double) / {{ count_all }}
            + {{ z_95() }} * {{ z_95() }} / (2.0 * {{ count_all }})
            {{ sign }} {{ z_95() }} * sqrt(
                (cast({{ count_hits }} as double) / {{ count_all }})
                * (1 - cast({{ count_hits }} as double) / {{ count_all }}) / {{ count_all }}
                + {{ z_95() }} * {{ z_95() }} / (4.0 * {{ count_all }} * {{ count_all }})
            )
        ) / (1 + {{ z_95() }} * {{ z_95() }} / {{ count_all }})
    end
{%- endmacro %}


{#
    Adjusted Wald interval of the net promoter score in points, one side: three responses are added,
    3/4 promoter and 3/4 detractor (Rocks 2016), which keeps coverage at small n.
#}
{% macro nps_bound(count_promoters, count_detractors, count_all, side) -%}
    {%- set sign = '-' if side == 'low' else '+' -%}
    {%- set n = "(" ~ count_all ~ " + 3.0)" -%}
    {%- set p = "((" ~ count_promoters ~ " + 0.75) / " ~ n ~ ")" -%}
    {%- set d = "((" ~ count_detractors ~ " + 0.75) / " ~ n ~ ")" -%}
    least(100, greatest(-100, 100.0 * (
        {{ p }} - {{ d }}
        {{ sign }} {{ z_95() }} * sqrt(
            ({{ p }} + {{ d }} - ({{ p }} - {{ d }}) * ({{ p }} - {{ d }})) / {{ n }}
        )
    )))
{%- endmacro %}


{# Interval of a mean by its normal approximation, one side; the variance is that of one answer. #}
{% macro mean_bound(mean, variance, count_all, side) -%}
    {%- set sign = '-' if side == 'low' else '+' -%}
    {{ mean }} {{ sign }} {{ z_95() }} * sqrt({{ variance }} / {{ count_all }})
{%- endmacro %}


{#
    Share with one hit and one miss added, and its squared standard error. Differences of two such
    shares cover what they promise at small n too (Agresti & Caffo 2000).
#}
{% macro adjusted_share(count_hits, count_all) -%}
    (({{ count_hits }} + 1.0) / ({{ count_all }} + 2))
{%- endmacro %}

{% macro adjusted_share_error(count_hits, count_all) -%}
    (
        {{ adjusted_share(count_hits, count_all) }}
        * (1 - {{ adjusted_share(count_hits, count_all) }}) / ({{ count_all }} + 2)
    )
{%- endmacro %}


{# Interval of the difference of two independent values with known squared errors, one side. #}
{% macro difference_bound(value, squared_error, other_value, other_squared_error, side) -%}
    {%- set sign = '-' if side == 'low' else '+' -%}
    {{ value }} - {{ other_value }}
    {{ sign }} {{ z_95() }} * sqrt({{ squared_error }} + {{ other_squared_error }})
{%- endmacro %}
