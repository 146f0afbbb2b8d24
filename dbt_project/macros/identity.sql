{#
    What it takes for two records, given by the aliases of their rows, to be of one person. Used by
    every rule, so that one record pair is judged alike whatever identifier brought it together.
#}

{# Same given name, a nickname of it, an initial, or given and family name the other way round. #}
{% macro given_names_alike(a, b) -%}
    (
        {{ a }}.given_name = {{ b }}.given_name
        or {{ lists_meet(a ~ '.name_forms', b ~ '.name_forms') }}
        or (
            least(length({{ a }}.given_name), length({{ b }}.given_name)) = 1
            and left({{ a }}.given_name, 1) = left({{ b }}.given_name, 1)
        )
        or coalesce(
            {{ list_holds(a ~ '.name_forms', b ~ '.family_name') }}
            and {{ a }}.family_name = {{ b }}.given_name,
            false
        )
        or coalesce(
            {{ list_holds(b ~ '.name_forms', a ~ '.family_name') }}
            and {{ b }}.family_name = {{ a }}.given_name,
            false
        )
    )
{%- endmacro %}


{# Two given names that no misprint makes of each other; false where one is not known. #}
{% macro given_names_differ(a, b) -%}
    (
        {{ a }}.given_name is not null
        and {{ b }}.given_name is not null
        and not {{ given_names_alike(a, b) }}
        and {{ similarity(a ~ '.given_name', b ~ '.given_name') }} < 0.88
    )
{%- endmacro %}


{# Two family names that no misprint makes of each other; false where one is not known. #}
{% macro family_names_differ(a, b) -%}
    coalesce(
        {{ similarity(a ~ '.family_name', b ~ '.family_name') }} < 0.88
        and {{ a }}.family_name != {{ b }}.given_name,
        false
    )
{%- endmacro %}


{# Two names of `column` (an organisation, a city) that no misprint makes of each other, and of which
   none is the other with a word behind it: New York is New York City. #}
{% macro titles_differ(a, b, column) -%}
    coalesce(
        {{ similarity(a ~ '.' ~ column, b ~ '.' ~ column) }} < 0.88
        and not starts_with({{ a }}.{{ column }}, {{ b }}.{{ column }} || ' ')
        and not starts_with({{ b }}.{{ column }}, {{ a }}.{{ column }} || ' '),
        false
    )
{%- endmacro %}


{# Two birth dates that neither one misprint nor swapped day and month make of each other. #}
{% macro birth_dates_differ(a, b) -%}
    coalesce(
        {{ edit_distance('cast(' ~ a ~ '.birth_date as varchar)', 'cast(' ~ b ~ '.birth_date as varchar)') }} > 1
        and not (
            extract(year from {{ a }}.birth_date) = extract(year from {{ b }}.birth_date)
            and extract(month from {{ a }}.birth_date) = extract(day from {{ b }}.birth_date)
            and extract(day from {{ a }}.birth_date) = extract(month from {{ b }}.birth_date)
        ),
        false
    )
{%- endmacro %}


{# Two different ids of a kind of which a person has one only. #}
{% macro unique_ids_differ(a, b) -%}
    (
        {%- for kind in ['national_id', 'loyalty_number'] %}
        {% if not loop.first %}or {% endif -%}
        ({{ setting(kind ~ '_is_unique') }} and coalesce({{ a }}.{{ kind }} != {{ b }}.{{ kind }}, false))
        {%- endfor %}
    )
{%- endmacro %}


{#
    test@test.com, none@none.com, x@x.com: what is typed where a form insists on an address, but not the
    mailbox of a firm under the firm's name. Of addresses in lower case without blanks around them.
#}
{% macro is_placeholder_email(email) -%}
    (
        split_part({{ email }}, '@', 1) in (
            'test', 'none', 'null', 'unknown', 'noemail', 'no-email', 'no.email', 'no_email', 'nomail', 'asdf'
        )
        or {{ email }} = 'no@email.com'
        or (
            length(split_part({{ email }}, '@', 1)) <= 4
            and split_part({{ email }}, '@', 1) = regexp_extract({{ email }}, '@([^.]+)', 1)
        )
    )
{%- endmacro %}


{# 0000000, 99-99-99, 123-4567: what fingers type where a form insists. #}
{% macro is_filler(value) -%}
    (
        replace(right({{ value }}, 7), right({{ value }}, 1), '') = ''
        or contains('01234567890 09876543210', right({{ value }}, 7))
    )
{%- endmacro %}


{# What the records of a CTE say they are called elsewhere, as often as they say it. #}
{% macro stated_external_ids(records) -%}
    select
        record_number,
        record_fingerprint,
        'external_id' as identifier_kind,
        trim(external_id) as identifier_value
    from (
        select
            record_number,
            record_fingerprint,
            unnest(string_split(external_ids, ';')) as external_id
        from {{ records }}
        where external_ids is not null
    ) as listed
    where trim(external_id) != ''
{%- endmacro %}


{# What the records of a CTE state, a row per record and identifier; external ids more than once. #}
{% macro stated_identifiers(records) -%}
    {{ stated_external_ids(records) }}
    {%- for kind, column in [
        ('national_id', 'national_id'),
        ('loyalty_number', 'loyalty_number'),
        ('email', 'email_normalised'),
        ('phone', 'phone_e164'),
        ('domain', 'web_domain'),
        ('name_and_address', "organisation_name || '|' || street || '|' || coalesce(postal_code, city)"),
        ('organisation_name', 'organisation_name'),
    ] %}
        union all
        select
            record_number,
            record_fingerprint,
            '{{ kind }}' as identifier_kind,
            {{ column }} as identifier_value
        from {{ records }}
        where {{ column }} is not null
    {%- endfor %}
{%- endmacro %}


{#
    The CTEs that say which records int_identity__identifiers has to look at: all, or those that may
    state an identifier (`touched_values`) that a record states, or stated, which is not as it was.
#}
{% macro identifier_candidates() -%}
    {%- if not has_kept_rows() -%}
    candidates as (
        select * from records
    )
    {%- else -%}
    kept as not materialized (
        select * from {{ this }}
    ),

    -- Records that are new, stated otherwise or under another number, and what such records stated.
    changed as materialized (
        select
            records.record_number,
            kept.identifier_kind,
            kept.identifier_value
        from records
        full join kept
            on
                records.record_number = kept.record_number
                and records.record_fingerprint = kept.record_fingerprint
        where records.record_number is null or kept.record_number is null
    ),

    -- Whoever states nothing is not kept, and touched only if another record points at it.
    touched_records as (
        select * from records
        where
            record_number in (select changed.record_number from changed)
            and (
                coalesce(
                    external_ids, national_id, loyalty_number, email_normalised, phone_e164,
                    web_domain, organisation_name
                ) is not null
                or source_system || ':' || source_record_id in (
                    select pointed_at.identifier_value
                    from ({{ stated_external_ids('records') }}) as pointed_at
                )
            )
    ),

    touched_values as (
        select
            identifier_kind,
            identifier_value
        from ({{ stated_identifiers('touched_records') }}) as stated_now
        union
        select
            'external_id' as identifier_kind,
            source_system || ':' || source_record_id as identifier_value
        from touched_records
        union
        select
            identifier_kind,
            identifier_value
        from changed
        where record_number is null
    ),

    -- Whoever may state one of them.
    candidates as (
        select * from records
        where
            record_number in (
                select touched_records.record_number from touched_records
                union
                select kept.record_number
                from kept
                inner join touched_values
                    on
                        kept.identifier_kind = touched_values.identifier_kind
                        and kept.identifier_value = touched_values.identifier_value
                union
                select pointed_at.record_number
                from records as pointed_at
                inner join touched_values
                    on
                        touched_values.identifier_kind = 'external_id'
                        and pointed_at.source_system || ':' || pointed_at.source_record_id
                        = touched_values.identifier_value
            )
    )
    {%- endif -%}
{%- endmacro %}


{% macro is_identifier_touched() -%}
    {%- if has_kept_rows() -%}
    (identifier_kind, identifier_value) in (
        select (touched_values.identifier_kind, touched_values.identifier_value) from touched_values
    )
    {%- else -%} true {%- endif -%}
{%- endmacro %}
