select
    customer_id,
    channel,
    purpose,
    is_granted,
    recorded_at,
    cast(null as varchar) as source_metadata,
    _file_name,
    _row_number
from {{ consent_changes('loyalty', 'members', 'member_id', {
    'email_opt_in': 'email', 'sms_opt_in': 'sms',
}) }}
