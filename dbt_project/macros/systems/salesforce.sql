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
