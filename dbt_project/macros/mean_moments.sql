{#
    CTEs from the rows of `source` to `mean_moments`: one row per `keys` with the mean of `amount` and
    what skewed_bound() asks about it.

    count_amounts, total_amount, lowest_amount, mean_amount; mean_error, the standard error of the mean
    (NULL of one); mean_skewness, that of the mean. Deviations from the mean are taken first, since sums
    of squares of large amounts lose their digits, and standardised before they are cubed, so that they
    stay small whatever the currency. Decimals are added exactly; a sum of doubles depends on the order
    of the rows.
#}
{% macro mean_moments(source, keys, amount) -%}
{%- set grouped = 'rows_of.' ~ keys | join(', rows_of.') -%}
amount_totals as (
    select
        {{ keys | join(', ') }},
        count(*) as count_amounts,
        sum(cast({{ amount }} as decimal(18, 4))) as total_amount,
        min({{ amount }}) as lowest_amount,
        cast(sum(cast({{ amount }} as decimal(18, 4))) as double) / count(*) as mean_amount
    from {{ source }}
    group by {{ keys | join(', ') }}
),

amount_spreads as (
    select
        {{ grouped }},
        max(totals.mean_amount) as mean_amount,
        case
            when count(*) > 1
                then
                    sqrt(
                        cast(
                            sum(
                                cast(
                                    power(
                                        cast(rows_of.{{ amount }} as double) - totals.mean_amount, 2
                                    ) as decimal(38, 6)
                                )
                            ) as double
                        ) / (count(*) - 1)
                    )
        end as deviation
    from {{ source }} as rows_of
    inner join amount_totals as totals
        {{- rows_joined(keys, 'totals') }}
    group by {{ grouped }}
),

amount_leanings as (
    select
        {{ grouped }},
        {{ exact_sum(
            'power((cast(rows_of.' ~ amount ~ ' as double) - spreads.mean_amount)'
            ~ ' / spreads.deviation, 3)',
            10
        ) }} as sum_cubes
    from {{ source }} as rows_of
    inner join amount_spreads as spreads
        {{- rows_joined(keys, 'spreads') }}
    where spreads.deviation > 0
    group by {{ grouped }}
),

mean_moments as (
    select
        rows_of.*,
        spreads.deviation / sqrt(rows_of.count_amounts) as mean_error,
        -- Equal amounts lean nowhere.
        coalesce(leanings.sum_cubes, 0) / rows_of.count_amounts / sqrt(rows_of.count_amounts)
            as mean_skewness
    from amount_totals as rows_of
    inner join amount_spreads as spreads
        {{- rows_joined(keys, 'spreads') }}
    left join amount_leanings as leanings
        {{- rows_joined(keys, 'leanings') }}
)
{%- endmacro %}


{% macro rows_joined(keys, to) %}
    {%- for key in keys %}
            {{ 'on' if loop.first else 'and' }} rows_of.{{ key }} = {{ to }}.{{ key }}
    {%- endfor %}
{%- endmacro %}


{#
    One side of the interval of a mean from `mean_moments`. NULL where nothing differs, or fewer than 30
    amounts tell how far they lean: below, it holds .89 to .93 of skewed means and may explode (0056). It
    does not go beyond zero when no amount does.
#}
{% macro mean_moments_bound(moments, side) -%}
    case
        when {{ moments }}.count_amounts >= 30 and {{ moments }}.mean_error > 0
            then greatest(
                least({{ moments }}.lowest_amount, 0),
                {{ skewed_bound(
                    moments ~ '.mean_amount', moments ~ '.mean_error', moments ~ '.mean_skewness',
                    moments ~ '.count_amounts - 1', side
                ) }}
            )
    end
{%- endmacro %}
