{# The first of several values that HubSpot joins with semicolons: the primary one. #}
{% macro first_of(column) -%}
    nullif(trim(split_part({{ column }}, ';', 1)), '')
{%- endmacro %}


{#
    The stage of a label such as "New (Support Pipeline)", without the pipeline it belongs to. The API
    and connectors write ids; those of the pipeline that every portal has are known.
#}
{% macro stage_name(label) -%}
    case trim({{ label }})
        when '1' then 'New'
        when '2' then 'Waiting on contact'
        when '3' then 'Waiting on us'
        when '4' then 'Closed'
        else trim(regexp_replace({{ label }}, ' *[(][^()]*[)] *$', ''))
    end
{%- endmacro %}


{# A label as words: what has no blank is the name of a column, with underscores between. #}
{% macro words_of_label(label) -%}
    case when {{ label }} like '% %' then {{ label }} else replace({{ label }}, '_', ' ') end
{%- endmacro %}


{#
    A time in a column that the contract does not list, which the reader therefore left as it was: in
    UTC, from the portal's own zone and notation (2024-03-15 14:30, or 3/15/2024 2:30 PM), or that of a
    spreadsheet which saved the file again (15.03.2024 14:30, or 45366.6042 days since 1899-12-30). The
    zone is that of the contract, unless the time states its own, as those of connectors and APIs do;
    `is_day_first` tells the second notation from 15/3/2024. What cannot be read is NULL, and the gate
    stops.
#}
{% macro hubspot_time(value, object, is_day_first) -%}
    {%- set contract = source_contract('hubspot', object) -%}
    {%- set local -%}
        case
            when {{ is_day_first }}
                then {{ _read_time(value, '%d/%m/%Y') }}
            when {{ value }} like '%/%'
                then {{ _read_time(value, '%m/%d/%Y') }}
            when regexp_matches({{ value }}, '^[0-9]{1,2}[.][0-9]{1,2}[.]')
                then {{ _read_time(value, '%d.%m.%Y') }}
            when regexp_full_match({{ value }}, '[0-9]{5}([.,][0-9]+)?')
                then
                    timestamp '1899-12-30'
                    + to_seconds(round(cast(replace({{ value }}, ',', '.') as double) * 86400))
            else try_cast({{ value }} as timestamp)
        end
    {%- endset -%}
    case
        when regexp_matches({{ value }}, ':[0-9.]+(Z|[+-][0-9]{2}(:?[0-9]{2})?)$')
            then timezone('UTC', try_cast({{ value }} as timestamptz))
        -- Milliseconds since 1970, as the older API writes them.
        when regexp_full_match({{ value }}, '[0-9]{12,13}')
            then make_timestamp(try_cast({{ value }} as bigint) * 1000)
        {% if contract.timezone -%}
        else timezone('UTC', timezone('{{ contract.timezone }}', {{ local }}))
        {%- else -%}
        else {{ local }}
        {%- endif %}
    end
{%- endmacro %}


{# A time that begins with a day in the given form, on a clock of 12 or of 24 hours. #}
{% macro _read_time(value, day) -%}
    try_strptime(
        {{ value }},
        [
            {%- for clock in [' %I:%M %p', ' %I:%M:%S %p', ' %H:%M', ' %H:%M:%S', ''] -%}
            '{{ day ~ clock }}'{{ ', ' if not loop.last }}
            {%- endfor -%}
        ]
    )
{%- endmacro %}


{#
    Whether the label of a deal stage says that it was won, or that it came to an end: HubSpot names
    the default stages in the language of the portal.
#}
{% macro hubspot_stage_is_won(stage) -%}
    regexp_matches(
        lower({{ stage }}),
        '(^|[^[:alpha:]])(won|gewonnen|gagnée?|ganad[ao]|ganh[ao]|vint[ao])([^[:alpha:]]|$)'
        || '|赢单|已成交|受注|成約'
    )
{%- endmacro %}

{% macro hubspot_stage_is_closed(stage) -%}
    {{ hubspot_stage_is_won(stage) }}
    or regexp_matches(
        lower({{ stage }}),
        '(^|[^[:alpha:]])(lost|verloren|perdue?|perdid[ao]|pers[ao])([^[:alpha:]]|$)|^closed|丢单|失注'
    )
{%- endmacro %}


{#
    Whether the day comes before the month: as the contract says, else as a value of the same file
    shows whose first number is no month.
#}
{% macro hubspot_is_day_first(value, object) -%}
    {%- set contract = source_contract('hubspot', object) -%}
    {%- if contract.date_order -%}
    {{ value }} like '%/%' and {{ 'true' if contract.date_order == 'dmy' else 'false' }}
    {%- else -%}
    {{ value }} like '%/%'
    and coalesce(
        bool_or({{ value }} like '%/%' and try_cast(split_part({{ value }}, '/', 1) as integer) > 12)
            over (partition by _content_hash),
        false
    )
    {%- endif -%}
{%- endmacro %}


{#
    What a row of an object that holds customers says of one, column by column: contacts, and
    companies, whose identifiers are unique per object only. A mobile phone is the person's own; the
    other number, often the office's, comes after it. Some portals write the name of the company above
    instead of its id; it stays in source_metadata.
#}
{% macro hubspot_customer_columns(object) -%}
    {%- set nothing = 'cast(null as varchar)' -%}
    {%- set stated = {
        'companies': {
            'customer_id': "'company:' || trim(record_id)",
            'customer_type': "'organisation'",
            'phone': first_stated(['phone_number']),
            'parent_organisation_id':
                "case when regexp_matches(trim(parent_company), '^[0-9]+$') "
                "then 'company:' || trim(parent_company) end",
            'website': first_stated(['company_domain_name']),
            'industry': first_stated(['industry']),
            'count_employees': 'cast(number_of_employees as bigint)',
            'source_metadata': metadata_with(['annual_revenue', 'parent_company']),
        },
        'contacts': {
            'customer_id': 'trim(record_id)',
            'customer_type': "'person'",
            'first_name': first_stated(['first_name']),
            'last_name': first_stated(['last_name']),
            'email': first_stated(['email']),
            'phone': first_stated(['mobile_phone_number', 'phone_number']),
            'birth_date': 'cast(date_of_birth as date)',
            'gender': 'lower(' ~ first_stated(['gender']) ~ ')',
            'acquisition_channel': first_stated(['original_traffic_source']),
            'organisation_id': "'company:' || " ~ first_of('associated_company_ids'),
            'external_ids': 'external_ids',
            'source_metadata': metadata_with([
                'contact_owner', 'lead_status', 'lifecycle_stage', 'last_activity_date',
                'job_title', 'associated_company_ids', 'preferred_language', 'legal_basis',
                'last_nps_survey_date', 'last_nps_survey_rating',
            ]),
        },
    }[object] -%}
    {{ return({
        'customer_id': stated.customer_id,
        'customer_type': stated.customer_type,
        'first_name': stated.first_name or nothing,
        'last_name': stated.last_name or nothing,
        'company_name': first_stated(['company_name']),
        'email': stated.email or nothing,
        'phone': stated.phone,
        'birth_date': stated.birth_date or 'cast(null as date)',
        'gender': stated.gender or nothing,
        'street': first_stated(['street_address']),
        'city': first_stated(['city']),
        'region': first_stated(['state_region']),
        'postal_code': first_stated(['postal_code']),
        'country': first_stated(['country_region']),
        'acquisition_channel': stated.acquisition_channel or nothing,
        'organisation_id': stated.organisation_id or nothing,
        'parent_organisation_id': stated.parent_organisation_id or nothing,
        'external_ids': stated.external_ids or nothing,
        'website': stated.website or nothing,
        'industry': stated.industry or nothing,
        'count_employees': stated.count_employees or 'cast(null as bigint)',
        'source_metadata': stated.source_metadata,
    }) }}
{%- endmacro %}
