{# The end of a model that gives one row per spelling of a channel in a source system, with the
   channel's standard name: what CTE `named` calls channels (source_system, channel) is looked up in
   CTE `mapping`, where a line for the system wins over one for all (*). A channel without a line
   keeps its own name. #}
{% macro standard_channel_names() -%}
spellings as (
    select
        source_system,
        channel,
        {{ lookup_value('channel') }} as value
    from named
    where channel is not null
    group by source_system, channel
)

select
    spellings.source_system,
    spellings.channel,
    coalesce(mapping.standard_channel, spellings.value) as standard_channel
from spellings
left join mapping
    on
        spellings.value = mapping.channel
        and (mapping.source_system = '*' or spellings.source_system = mapping.source_system)
qualify row_number() over (
    partition by spellings.source_system, spellings.channel
    order by mapping.source_system = '*'
) = 1
{%- endmacro %}
