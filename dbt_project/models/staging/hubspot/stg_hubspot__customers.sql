with

contacts as (
    select *
    from {{ current_records('hubspot', 'contacts', with_first_export=true, with_deleted=true) }}
),

companies as (
    select *
    from {{ current_records('hubspot', 'companies', with_first_export=true, with_deleted=true) }}
),

redirects as (
    select * from {{ ref('stg_hubspot__redirects') }}
),

records as (
    {% for object in ['companies', 'contacts'] -%}
        select
            '{{ object }}' as source_object,
            {% for column, value in hubspot_customer_columns(object).items() -%}
                {{ value }} as {{ column }},
            {% endfor -%}
            cast(create_date as timestamp) as created_at,
            cast(last_modified_date as timestamp) as updated_at,
            first_exported_at,
            _is_deleted,
            _file_name,
            _row_number
        from {{ object }}
        {% if not loop.last %}union all{% endif %}
    {% endfor -%}
),

-- What was merged into a customer is named by it, so that identity joins the two.
other_ids as (
    select
        target_id,
        string_agg('hubspot:' || record_id, ';' order by record_id) as external_ids
    from redirects
    where source_object in ('contacts', 'companies')
    group by target_id
)

select
    records.source_object,
    records.customer_id,
    records.customer_type,
    records.first_name,
    records.last_name,
    coalesce(records.company_name, employers.company_name) as company_name,
    records.email,
    records.phone,
    records.birth_date,
    records.gender,
    records.street,
    records.city,
    records.region,
    records.postal_code,
    {{ country_code('records.country') }} as country_code,
    records.acquisition_channel,
    coalesce(merged_employers.target_id, records.organisation_id) as organisation_id,
    coalesce(merged_parents.target_id, records.parent_organisation_id) as parent_organisation_id,
    records.website,
    records.industry,
    records.count_employees,
    nullif(concat_ws(';', nullif(trim(records.external_ids), ''), other_ids.external_ids), '')
        as external_ids,
    records.created_at,
    -- A merged record says what held before the merge, whenever that was; the survivor speaks.
    case
        when survivors.target_id is not null then records.created_at
        else records.updated_at
    end as updated_at,
    records.first_exported_at,
    records.source_metadata,
    records._file_name,
    records._row_number
from records
left join redirects as survivors on records.customer_id = survivors.record_id
left join redirects as merged_employers on records.organisation_id = merged_employers.record_id
left join redirects as merged_parents on records.parent_organisation_id = merged_parents.record_id
left join records as employers
    on coalesce(merged_employers.target_id, records.organisation_id) = employers.customer_id
left join other_ids on records.customer_id = other_ids.target_id
-- A record that is gone because it was merged keeps its row: its id still means a customer.
where {{ is_not_deleted('records._is_deleted') }} or survivors.target_id is not null
