with

users as (
    select * from {{ current_records('zendesk', 'users', with_first_export=true) }}
),

organizations as (
    select * from {{ current_records('zendesk', 'organizations') }}
),

asking as (
    select requester_id as user_id
    from {{ current_records('zendesk', 'tickets') }}
    where status != 'deleted'
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
    kept.id as customer_id,
    'users' as source_object,
    'person' as customer_type,
    {{ zendesk_user_columns('kept', 'organizations') }},
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
