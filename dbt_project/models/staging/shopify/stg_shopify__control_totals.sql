with

raw_rows as (
    select * from {{ source('raw', 'shopify__orders') }}
),

-- Of overlapping exports the newest speaks for an order.
newest as (
    select
        name,
        max(_exported_at) as exported_at
    from raw_rows
    group by name
),

newest_hash as (
    select
        raw_rows.name,
        max(raw_rows._content_hash) as content_hash
    from raw_rows
    inner join newest
        on raw_rows.name = newest.name and raw_rows._exported_at = newest.exported_at
    group by raw_rows.name
),

order_rows as (
    select raw_rows.*
    from raw_rows
    semi join newest_hash
        on
            raw_rows.name = newest_hash.name
            and raw_rows._content_hash = newest_hash.content_hash
),

orders as (
    select
        name,
        max(cast(subtotal as decimal(18, 4))) as subtotal,
        max(cast(shipping as decimal(18, 4))) as shipping,
        max(cast(taxes as decimal(18, 4))) as taxes,
        max(cast(total as decimal(18, 4))) as total,
        max(cast(refunded_amount as decimal(18, 4))) as refunded,
        count(coalesce(lineitem_name, lineitem_quantity)) as count_lines
    from order_rows
    group by name
    having count(created_at) > 0 -- without its first row an order is not one
),

net as (
    select
        name,
        count_lines,
        total,
        refunded,
        case
            when
                taxes > 0
                and abs(total - subtotal - shipping) < abs(total - subtotal - shipping - taxes)
                then cast(subtotal * (1 - taxes / (subtotal + shipping)) as decimal(18, 4))
            else subtotal
        end as net_revenue
    from orders
),

-- What was given back includes taxes and shipping: revenue has the share that it has of the total.
refunds as (
    select
        cast(
            refunded * net_revenue / nullif(coalesce(total, net_revenue), 0) as decimal(18, 4)
        ) as refund_amount
    from net
    where refunded != 0
),

guests as (
    select count(distinct name) as count_rows -- an order's first row may be repeated
    from order_rows
    where
        created_at is not null
        and concat_ws(
            '', email, phone, billing_phone, shipping_phone, billing_name, shipping_name
        ) like '%_%'
        and not exists (
            select 1 from {{ source('raw', 'shopify__customers') }} as customers
            where
                lower(trim(customers.email)) = lower(trim(order_rows.email))
                and not {{ is_placeholder_email('lower(trim(customers.email))') }}
        )
        and not exists (
            select 1 from {{ source('raw', 'shopify__customers') }} as customers
            where
                order_rows.email is null
                and length(regexp_replace(customers.phone, '[^0-9]', '', 'g')) >= 7
                and not {{ is_filler("regexp_replace(customers.phone, '[^0-9]', '', 'g')") }}
                and regexp_replace(customers.phone, '[^0-9]', '', 'g')
                = regexp_replace(order_rows.phone, '[^0-9]', '', 'g')
        )
)

select
    'customers' as entity,
    'rows' as measure,
    cast(count(distinct customers.customer_id) + any_value(guests.count_rows) as decimal(28, 4))
        as value
from guests
left join {{ source('raw', 'shopify__customers') }} as customers on true
union all
select
    'orders' as entity,
    'rows' as measure,
    cast(count(*) as decimal(28, 4)) as value
from net
union all
select
    'orders' as entity,
    'net_revenue' as measure,
    cast(coalesce(sum(net_revenue), 0) as decimal(28, 4)) as value
from net
union all
select
    'orders' as entity,
    'refund_amount' as measure,
    cast(coalesce(sum(refund_amount), 0) as decimal(28, 4)) as value
from refunds
union all
-- The lines of an order sum to it; an order may have none.
select
    'order_lines' as entity,
    'net_revenue' as measure,
    cast(coalesce(sum(net_revenue), 0) as decimal(28, 4)) as value
from net
where count_lines > 0
union all
select
    'orders' as entity,
    'exported' as measure,
    cast(count(*) as decimal(28, 4)) as value
from newest
union all
select
    'orders' as entity,
    'left out: first row in quarantine' as measure,
    cast(count(*) as decimal(28, 4)) as value
from newest
where name not in (select net.name from net)
