{#
    What service desks call things, in the words of the entities. Each takes a SQL expression with a
    label and knows the vendors' default labels in English and the common ones that admins add.
#}

{# new, open, pending, solved or closed; a label of the company's own is open until it is closed. #}
{% macro case_status(label, is_closed='false') -%}
    case
        when {{ label }} is null and not coalesce({{ is_closed }}, false) then null
        when regexp_matches(lower({{ label }}), '(^|[^a-z])(closed|cancelled|canceled|done)([^a-z]|$)')
            then 'closed'
        when regexp_matches(lower({{ label }}), '(^|[^a-z])(solved|resolved|fixed)([^a-z]|$)')
            then 'solved'
        when coalesce({{ is_closed }}, false) then 'closed'
        when regexp_matches(lower({{ label }}), '(waiting on us|waiting on agent)') then 'open'
        when regexp_matches(lower({{ label }}), '(waiting|on hold|pending|awaiting)') then 'pending'
        when lower(trim({{ label }})) = 'new' then 'new'
        else 'open'
    end
{%- endmacro %}


{#
    low, normal, high or urgent, with or without a rank before it (3 - Moderate); a label of the
    company's own stays, in lower case.
#}
{% macro case_priority(label) -%}
    {%- set name = "regexp_replace(lower(trim(" ~ label ~ ")), '^p?[0-9]+ *[-:.] *', '')" -%}
    case {{ name }}
        when 'medium' then 'normal'
        when 'moderate' then 'normal'
        when 'critical' then 'urgent'
        else nullif({{ name }}, '')
    end
{%- endmacro %}


{# The channel of a contact; a label of the company's own stays, in lower case. #}
{% macro contact_channel(label) -%}
    case
        when regexp_matches(lower({{ label }}), 'facebook|twitter|instagram|linkedin|wechat|social')
            then 'social'
        when regexp_matches(lower({{ label }}), 'phone|call|voice') then 'phone'
        when regexp_matches(lower({{ label }}), 'chat|sms|messag|whatsapp') then 'chat'
        when regexp_matches(lower({{ label }}), 'mail') then 'email'
        when regexp_matches(lower({{ label }}), 'meeting|visit|in person|face|demo|lunch')
            then 'face_to_face'
        when regexp_matches(lower({{ label }}), 'web|form|portal|community') then 'web'
        else nullif(lower(trim({{ label }})), '')
    end
{%- endmacro %}
