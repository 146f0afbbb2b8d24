{#
    Connected components of an undirected graph: every node with the smallest node it can reach.

    `edges` is a relation or CTE with columns node_a and node_b that holds every edge in both
    directions. Label propagation: a node takes the smallest label among its neighbours until none
    changes. DuckDB keeps one row per node with USING KEY, so memory stays with the nodes.
    Engines without USING KEY override this macro with their own loop.
#}
{% macro connected_components(edges) -%}
    with recursive labels(node, component) using key (node) as (
        select
            node_a as node,
            min(least(node_a, node_b)) as component
        from {{ edges }}
        group by node_a
        union
        select
            edges.node_b as node,
            min(labels.component) as component
        from labels
        inner join {{ edges }} as edges on labels.node = edges.node_a
        inner join recurring.labels as best on edges.node_b = best.node
        where labels.component < best.component
        group by edges.node_b
    )
    select node, component from labels
{%- endmacro %}
