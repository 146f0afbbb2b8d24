with

users as (
    select * from {{ current_records('zendesk', 'users', with_first_export=true) }}
),

organizations as (
    select * from {{ current_records('zendesk', 'organizations', with_first_export=true) }}
),

asking as (
    select requester_id as user_id
    from {{ current_records('zendesk', 'tickets') }}
    where lower(status) != 'deleted'
    union -- who asks several times is one user
    select requester_id as user_id
    from {{ current_records('zendesk', 'satisfaction_ratings') }}
),

-- A user who was deleted or merged into another one is inactive. Such a record stays as long as
-- tickets point at it, so that they keep their customer.
kept as (
    select
        *,
        coalesce(cast(active as boolean), true) as is_active -- older exports have no such column
    from users
    where
        lower(coalesce(role, 'end-user')) = 'end-user' -- agents and admins are no customers
        and (
            coalesce(cast(active as boolean), true)
            or id in (select asking.user_id from asking)
        )
)

select
    {{ zendesk_user_columns('kept', 'organizations') }},
    cast(null as varchar) as website,
    {{ external_id('kept.external_id') }} as external_ids,
    cast(kept.created_at as timestamp) as created_at,
    cast(kept.updated_at as timestamp) as updated_at,
    kept.first_exported_at,
    kept.is_active,
    {{ metadata_with(
        ['time_zone', 'locale', 'verified', 'suspended'], lists=['tags'], relation='kept'
    ) }} as source_metadata,
    kept._file_name,
    kept._row_number
from kept
left join organizations on kept.organization_id = organizations.id
union all
select
    {{ zendesk_organization_columns('organizations') }},
    nullif(regexp_extract(organizations.domain_names, '[^][", ;]+'), '') as website,
    -- Firms are numbered apart from people: the same number would mean somebody else.
    case
        when organizations.external_id like '%:%' then trim(organizations.external_id)
    end as external_ids,
    cast(organizations.created_at as timestamp) as created_at,
    cast(organizations.updated_at as timestamp) as updated_at,
    organizations.first_exported_at,
    true as is_active,
    {{ metadata_with(['domain_names'], lists=['tags'], relation='organizations') }}
        as source_metadata,
    organizations._file_name,
    organizations._row_number
from organizations
