{#
    An e-mail address as its mailbox: lower case, no +tag, no dots at Google, NULL when it is none.
    Plus tags are stripped everywhere because sub-addressing is the norm; dots only where the
    provider ignores them. What is left of the local part must not be empty: an address that is all
    tag or dots would link everybody who has one.
#}
{% macro normalise_email(column) -%}
    case
        when regexp_matches(lower(trim({{ column }})), '^[.]*[^@ .+][^@ ]*@[^@ ]+[.][^@ .]+$') then
            case
                when split_part(lower(trim({{ column }})), '@', 2) in ('gmail.com', 'googlemail.com')
                    then replace(split_part(split_part(lower(trim({{ column }})), '@', 1), '+', 1), '.', '') || '@gmail.com'
                else split_part(split_part(lower(trim({{ column }})), '@', 1), '+', 1)
                    || '@' || split_part(lower(trim({{ column }})), '@', 2)
            end
    end
{%- endmacro %}
