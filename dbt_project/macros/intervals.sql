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


{#
    97.5 % quantile of Student's t by the first terms of its expansion in 1 / degrees (Peiser 1943;
    Abramowitz & Stegun 1964, 26.7.5): 4.17 instead of 4.30 at two degrees, .7 % off at three. NULL
    without a degree of freedom.
#}
{% macro student_95(degrees) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set terms = [
        (z ** 3 + z) / 4,
        (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
        (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    ] -%}
    ({{ z }} + ({{ terms[0] }} + ({{ terms[1] }} + {{ terms[2] }} / nullif({{ degrees }}, 0))
    / nullif({{ degrees }}, 0)) / nullif({{ degrees }}, 0))
{%- endmacro %}


{#
    Interval of a mean of answers on a scale, one side; the variance is that of one answer.
#}
{% macro mean_bound(mean, variance, count_all, side) -%}
    {%- set sign = '-' if side == 'low' else '+' -%}
    {{ mean }} {{ sign }} {{ student_95(count_all ~ ' - 1') }}
    * sqrt({{ variance }} / {{ count_all }})
{%- endmacro %}


{#
    Interval of an estimate whose distribution leans, one side: Hall's cubic transformation (Hall
    1992, On the removal of skewness by transformation, Journal of the Royal Statistical Society B
    54), inverted. What customers spend is skewed and full of zeros; the normal interval then ends
    too low. `skewness` is that of the estimate: of a mean of n the skewness of one over sqrt(n).
    The error is estimated as well, with n - 1 `degrees` of freedom: Student's quantile by its first
    term (Peiser 1943), 1.2104 is (z^2 + 1) / 4. So is the skewness: seven tenths of it are straightened,
    and the quantile grows by its square. Both are measured (docs/decisions/0050), and the same as in
    models/matched.py. The skewnesses of two groups compared cancel in their difference, their chance
    does not: `whole_skewness` is then the sum of both.
#}
{% macro skewed_bound(value, error, skewness, degrees, side, whole_skewness=none) -%}
    {#- The quantile of the other side: the interval turns the distribution round. -#}
    {%- set sign = '' if side == 'low' else '-' -%}
    {%- set whole = whole_skewness or skewness -%}
    {%- set leaning = "(0.7 * (" ~ skewness ~ "))" -%}
    {%- set quantile = "(" ~ sign ~ z_95() ~ " * (1 + 1.2104 / (" ~ degrees ~ ")))" -%}
    {%- set t = "(" ~ quantile ~ " * (1 + " ~ whole ~ " * " ~ whole ~ "))" -%}
    {%- set bent = "(1 + " ~ leaning ~ " * (" ~ t ~ " - " ~ leaning ~ " / 6))" -%}
    {{ value }} - {{ error }} * case
        when abs({{ leaning }}) < 0.000001 then {{ t }}
        -- power() knows no cube root of a negative number.
        else 3 / {{ leaning }} * (sign({{ bent }}) * power(abs({{ bent }}), 1.0 / 3) - 1)
    end
{%- endmacro %}


{#
    Interval of events per head, one side: the score interval of a Poisson mean, stretched where the
    counts spread more than Poisson's do (one customer wins four, most nobody).
    total and total_of_squares are sums over the heads of their counts.
#}
{% macro per_head_bound(total, total_of_squares, heads, side) -%}
    {%- set sign = '-' if side == 'low' else '+' -%}
    {#- Variance over mean. -#}
    {%- set spread -%}
        greatest(
            1.0,
            coalesce(
                cast({{ total_of_squares }} as double) / nullif(cast({{ total }} as double), 0)
                - cast({{ total }} as double) / {{ heads }},
                1.0
            )
        )
    {%- endset -%}
    greatest(
        0,
        cast({{ total }} as double) + {{ z_95() }} * {{ z_95() }} * {{ spread }} / 2
        {{ sign }} {{ z_95() }} * sqrt(
            {{ spread }} * cast({{ total }} as double)
            + {{ z_95() }} * {{ z_95() }} * {{ spread }} * {{ spread }} / 4
        )
    ) / {{ heads }}
{%- endmacro %}


{#
    Interval of the natural logarithm of the ratio of two shares, one side; half a hit and half a
    miss are added to each, so that neither none nor all of them lets the error vanish (Walter 1975,
    Biometrika 62, adds the hits).
#}
{% macro log_ratio_bound(hits, all, other_hits, other_all, side) -%}
    {%- set sign = '-' if side == 'low' else '+' -%}
    ln(({{ hits }} + 0.5) / ({{ all }} + 1.0))
    - ln(({{ other_hits }} + 0.5) / ({{ other_all }} + 1.0))
    {{ sign }} {{ z_95() }} * sqrt(
        1 / ({{ hits }} + 0.5) - 1 / ({{ all }} + 1.0)
        + 1 / ({{ other_hits }} + 0.5) - 1 / ({{ other_all }} + 1.0)
    )
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


{#
    Interval of the difference of two independent values with known squared errors, one side. Errors of
    means are estimated themselves: `quantile` is then Student's.
#}
{% macro difference_bound(value, squared_error, other_value, other_squared_error, side, quantile=none) -%}
    {%- set sign = '-' if side == 'low' else '+' -%}
    {{ value }} - {{ other_value }}
    {{ sign }} {{ quantile or z_95() }} * sqrt({{ squared_error }} + {{ other_squared_error }})
{%- endmacro %}


{# Welch and Satterthwaite's degrees of freedom of the difference of two means. #}
{% macro welch_degrees(squared_error, count_all, other_squared_error, other_count_all) -%}
    power({{ squared_error }} + {{ other_squared_error }}, 2) / nullif(
        power({{ squared_error }}, 2) / nullif({{ count_all }} - 1, 0)
        + power({{ other_squared_error }}, 2) / nullif({{ other_count_all }} - 1, 0),
        0
    )
{%- endmacro %}
