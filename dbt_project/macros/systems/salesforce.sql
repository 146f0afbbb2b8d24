{#
    A Salesforce id in its 18-character form.

    Reports and formulas write 15 characters, of which the case counts; the API adds three that say
    which of them are capitals: one per five characters, the first being the lowest bit, in the
    alphabet A-Z, 0-5. What has another length is no id and stays as it is.
    Source: Salesforce Object Reference, "ID field type".
#}
{% macro salesforce_id(column) -%}
    case
        when length(trim({{ column }})) = 15
            then trim({{ column }}) || array_to_string(
                list_transform(
                    [1, 6, 11],
                    lambda first: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'[
                        1 + cast(list_sum(
                            list_transform(
                                range(5),
                                lambda nth: case
                                    when trim({{ column }})[first + nth] between 'A' and 'Z'
                                        then 1 << nth
                                    else 0
                                end
                            )
                        ) as bigint)
                    ]
                ),
                ''
            )
        else nullif(trim({{ column }}), '')
    end
{%- endmacro %}


{# The current rows of an object: one per record, whichever form of its id the exports hold. #}
{% macro salesforce_records(object, with_first_export=false, with_deleted=false) -%}
    {{ current_records(
        'salesforce', object, with_first_export, key=[salesforce_id('id')], with_deleted=with_deleted
    ) }}
{%- endmacro %}


{#
    An amount in the corporate currency, NULL where no rate is known: the gate behind staging stops.
    `rates` is the joined row of stg_salesforce__exchange_rates. Without the currency tables the org
    has one currency and its records name none, or the same.
#}
{% macro salesforce_amount(amount, currency, corporate_currency, units_per_corporate) -%}
    cast(
        case
            when {{ corporate_currency }} is null or {{ currency }} is null
                then cast({{ amount }} as decimal(18, 4))
            when {{ currency }} = {{ corporate_currency }} then cast({{ amount }} as decimal(18, 4))
            else cast({{ amount }} as double) / {{ units_per_corporate }}
        end as decimal(18, 4)
    )
{%- endmacro %}


{#
    What a row of an object that holds customers says of one, column by column: accounts (companies,
    and persons where the org has person accounts), contacts and leads. In the same order for each.
    A mobile phone is the person's own; the business phone, often the office's, comes after it.
#}
{% macro salesforce_customer_columns(object) -%}
    {%- set is_person = 'coalesce(cast(is_person_account as boolean), false)' -%}
    {%- set nothing = 'cast(null as varchar)' -%}
    {%- set stated = {
        'accounts': {
            'customer_type': "case when " ~ is_person ~ " then 'person' else 'organisation' end",
            'full_name': "case when " ~ is_person ~ " then " ~ first_stated(['name']) ~ " end",
            'company_name': "case when not " ~ is_person ~ " then " ~ first_stated(['name']) ~ " end",
            'email': first_stated(['person_email']),
            'phone': first_stated(['person_mobile_phone', 'person_home_phone', 'phone']),
            'birth_date': 'cast(person_birthdate as date)',
            'street': first_stated(['person_mailing_street', 'billing_street']),
            'city': first_stated(['person_mailing_city', 'billing_city']),
            'region': first_stated(['person_mailing_state', 'billing_state']),
            'postal_code': first_stated(['person_mailing_postal_code', 'billing_postal_code']),
            'country': first_stated([
                'person_mailing_country_code', 'person_mailing_country',
                'billing_country_code', 'billing_country',
            ]),
            'acquisition_channel': first_stated(['person_lead_source', 'account_source']),
            'parent_id': salesforce_id('parent_id'),
            'external_ids': 'external_ids',
            'website': first_stated(['website']),
            'industry': first_stated(['industry']),
            'count_employees': 'cast(number_of_employees as bigint)',
            'source_metadata': metadata_with([
                'type', 'record_type_id', 'account_number', 'annual_revenue', 'ownership', 'rating',
                'currency_iso_code', 'owner_id',
            ]),
        },
        'contacts': {
            'full_name': first_stated(['name']),
            'email': first_stated(['email']),
            'phone': first_stated(['mobile_phone', 'phone', 'home_phone', 'other_phone']),
            'birth_date': 'cast(birthdate as date)',
            'street': first_stated(['mailing_street']),
            'city': first_stated(['mailing_city']),
            'region': first_stated(['mailing_state']),
            'postal_code': first_stated(['mailing_postal_code']),
            'country': first_stated(['mailing_country_code', 'mailing_country']),
            'acquisition_channel': first_stated(['lead_source']),
            'account_id': salesforce_id('account_id'),
            'external_ids': 'external_ids',
            'source_metadata': metadata_with([
                'salutation', 'title', 'department', 'reports_to_id', 'owner_id',
                'email_bounced_reason', 'email_bounced_date', 'individual_id',
            ]),
        },
        'leads': {
            'full_name': first_stated(['name']),
            'company_name': first_stated(['company']),
            'email': first_stated(['email']),
            'phone': first_stated(['mobile_phone', 'phone']),
            'street': first_stated(['street']),
            'city': first_stated(['city']),
            'region': first_stated(['state']),
            'postal_code': first_stated(['postal_code']),
            'country': first_stated(['country_code', 'country']),
            'acquisition_channel': first_stated(['lead_source']),
            'source_metadata': metadata_with([
                'salutation', 'title', 'status', 'industry', 'rating', 'annual_revenue',
                'number_of_employees', 'owner_id', 'is_converted', 'converted_date',
            ]),
        },
    }[object] -%}
    {{ return({
        'customer_id': salesforce_id('id'),
        'customer_type': stated.customer_type or "'person'",
        'first_name': first_stated(['first_name']),
        'last_name': first_stated(['last_name']),
        'full_name': stated.full_name,
        'company_name': stated.company_name or nothing,
        'email': stated.email,
        'phone': stated.phone,
        'birth_date': stated.birth_date or 'cast(null as date)',
        'street': stated.street,
        'city': stated.city,
        'region': stated.region,
        'postal_code': stated.postal_code,
        'country': stated.country,
        'acquisition_channel': stated.acquisition_channel,
        'account_id': stated.account_id or nothing,
        'parent_id': stated.parent_id or nothing,
        'external_ids': stated.external_ids or nothing,
        'website': stated.website or nothing,
        'industry': stated.industry or nothing,
        'count_employees': stated.count_employees or 'cast(null as bigint)',
        'source_metadata': stated.source_metadata,
    }) }}
{%- endmacro %}
