{#
    The score 1 to 5 of a value among all rows, 5 for the greatest. Equal values share the smallest
    rank and hence the score: ntile() would cut through ties and tell two equal customers apart.
#}
{% macro quintile_score(column) -%}
    cast(1 + floor(5.0 * (rank() over (order by {{ column }}) - 1) / count(*) over ()) as integer)
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
