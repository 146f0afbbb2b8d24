{#
    Where merged records ended: one row per merged record with the record it lives on in.

    `merges` is a relation or CTE with columns loser_id and winner_id. Chains are followed to their
    end; of two winners, and of a circle, the greatest id counts.
#}
{% macro merge_targets(merges) -%}
    with recursive steps as (
        select
            loser_id,
            winner_id as target_id,
            [loser_id, winner_id] as path
        from {{ merges }}
        union all
        select
            steps.loser_id,
            merges.winner_id as target_id,
            list_append(steps.path, merges.winner_id) as path
        from steps
        inner join {{ merges }} as merges on steps.target_id = merges.loser_id
        where not list_contains(steps.path, merges.winner_id)
    )

    select
        loser_id,
        max_by(target_id, struct_pack(steps := len(path), target_id := target_id)) as target_id
    from steps
    group by loser_id
{%- endmacro %}
