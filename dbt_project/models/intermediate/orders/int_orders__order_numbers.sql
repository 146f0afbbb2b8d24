-- A service desk, a survey or a loyalty programme names orders of the shop by their number.
select
    order_id,
    min(order_key) as order_key,
    min(channel) as channel
from {{ ref('int_orders__orders_keyed') }}
-- With one system there is nobody else who could mean its orders.
where {{ 'true' if var('systems') | length > 1 else 'false' }}
group by order_id
having count(*) = 1
