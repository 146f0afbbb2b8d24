{#
    The four values that cut a group into quintiles, as <column>_border_1 to _4: the k-th is the
    smallest value that at least k fifths of the rows do not exceed.
#}
{% macro quintile_borders(column) -%}
    {%- for k in [1, 2, 3, 4] -%}
    percentile_disc(0.{{ 2 * k }}) within group (order by {{ column }}) as {{ column }}_border_{{ k }}
    {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{#
    The score 1 to 5 of a value, 5 for the greatest: 1 + the borders it exceeds, which is
    1 + floor(5 (rank - 1) / n) with the smallest rank for ties. Equal values get one score; ntile()
    would cut through ties and tell two equal customers apart.
#}
{% macro quintile_score(value, borders) -%}
    cast(
        1
        {%- for k in [1, 2, 3, 4] %}
        + case when {{ value }} > {{ borders }}_border_{{ k }} then 1 else 0 end
        {%- endfor %}
        as integer
    )
{%- endmacro %}


{#
    The named segment of an RFM cell: a fixed test order over recency and the mean of frequency and
    monetary, so that each of the 125 cells gets exactly one name (dbt unit test
    `every_rfm_cell_has_one_segment_name`).
#}
{% macro rfm_segment(recency, frequency, monetary) -%}
    {%- set fm = "(" ~ frequency ~ " + " ~ monetary ~ ") / 2.0" -%}
    case
        when {{ recency }} >= 4 and {{ fm }} >= 4 then 'Champions'
        when {{ recency }} >= 3 and {{ fm }} >= 3.5 then 'Loyal'
        when {{ recency }} <= 2 and {{ fm }} >= 4 then 'Can''t Lose'
        when {{ recency }} <= 2 and {{ fm }} >= 2.5 then 'At Risk'
        when {{ recency }} >= 4 and {{ fm }} >= 2 then 'Potential Loyalist'
        when {{ recency }} = 5 then 'New'
        when {{ recency }} = 4 then 'Promising'
        when {{ recency }} = 3 and {{ fm }} >= 2.5 then 'Need Attention'
        when {{ recency }} = 3 then 'About To Sleep'
        when {{ recency }} = 2 then 'Hibernating'
        else 'Lost'
    end
{%- endmacro %}
