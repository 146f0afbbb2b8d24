{#
    Where merged records ended: one row per merged record with the record it lives on in.

    `merges` is a relation or CTE with columns loser_id and winner_id. Chains are followed to their
    end; of two ends the greatest id counts. Records that were merged into each other live on nowhere
    and get no row: `union`, not `union all`, lets a circle end.
#}
{% macro merge_targets(merges) -%}
    with recursive steps as (
        select
            loser_id,
            winner_id as target_id
        from {{ merges }}
        union
        select
            steps.loser_id,
            merges.winner_id as target_id
        from steps
        inner join {{ merges }} as merges on steps.target_id = merges.loser_id
    )

    select
        loser_id,
        max(target_id) as target_id
    from steps
    where target_id not in (select onward.loser_id from {{ merges }} as onward)
    group by loser_id
{%- endmacro %}
