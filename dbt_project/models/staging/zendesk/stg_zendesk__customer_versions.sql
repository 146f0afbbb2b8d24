with

users as (
    select * from {{ record_versions('zendesk', 'users') }}
),

organizations as (
    select * from {{ current_records('zendesk', 'organizations') }}
),

organization_versions as (
    select * from {{ record_versions('zendesk', 'organizations') }}
),

typed as (
    select
        {{ zendesk_user_columns('users', 'organizations') }},
        users._version_number as version_number,
        users._exported_at as exported_at,
        users._changed_at as changed_at,
        -- Who was deleted or merged into another user is inactive; older exports do not say.
        not coalesce(cast(users.active as boolean), true) as is_deleted,
        users._file_name,
        users._row_number
    from users
    left join organizations on users.organization_id = organizations.id
    union all
    select
        {{ zendesk_organization_columns('organization_versions') }},
        _version_number as version_number,
        _exported_at as exported_at,
        _changed_at as changed_at,
        false as is_deleted,
        _file_name,
        _row_number
    from organization_versions
)

select
    customer_id,
    source_object,
    version_number,
    exported_at,
    changed_at,
    is_deleted,
    customer_type,
    full_name,
    company_name,
    email,
    phone,
    _file_name,
    _row_number
from typed
