{#
    One row per order: its cells, its customer and its value. Of the cells each model reads the few that it
    needs; which rows make an order says stg_shopify__order_rows.

    Customer: the one with the order's e-mail address, or with the phone number that a checkout without
    an address was made by (test@test.com and 000-000-0000 are nobody's): both are unique in a shop. Else a guest
    (`guest:<name>`), whom identity may join by more; an order that names nobody is anonymous.

    Value: `subtotal` is after discounts. Prices include the tax where subtotal and shipping alone make
    the total; then the share of the goods in the tax is taken out. Refunds include tax and shipping;
    the share of the goods, as of the whole order, is what was given back for goods.
#}
{% macro shopify_orders() -%}
    (
        with

        counted as (
            select * from {{ ref('stg_shopify__order_rows') }}
        ),

        goods as (
            select
                order_id as name,
                sum(gross_amount) as gross_amount,
                sum(gross_amount - line_discount) as amount_after_line_discounts
            from counted
            group by order_id
        ),

        -- Lines whose first row is in quarantine have no order: no day, no value, no customer.
        first_rows as (
            select
                order_id as name,
                _content_hash,
                min(_row_number) as _row_number
            from counted
            where is_first_row
            group by order_id, _content_hash
        ),

        -- Apps write PAID where the admin page exports paid.
        headers as (
            select * replace (
                replace(lower(trim(financial_status)), ' ', '_') as financial_status,
                replace(lower(trim(fulfillment_status)), ' ', '_') as fulfillment_status,
                lower(trim(source)) as source,
                upper(trim(currency)) as currency
            )
            from {{ current_records('shopify', 'orders') }}
            semi join first_rows using (name, _content_hash, _row_number)
        ),

        known_emails as (
            select
                lower(trim(email)) as email,
                min(customer_id) as customer_id -- one of them; identity joins them anyway
            from {{ source('raw', 'shopify__customers') }} -- also under an address they had before
            where
                nullif(trim(email), '') is not null
                and not {{ is_placeholder_email('lower(trim(email))') }}
            group by lower(trim(email))
        ),

        known_phones as (
            select
                regexp_replace(phone, '[^0-9]', '', 'g') as phone,
                min(customer_id) as customer_id
            from {{ source('raw', 'shopify__customers') }}
            where
                length(regexp_replace(phone, '[^0-9]', '', 'g')) >= 7
                and not {{ is_filler("regexp_replace(phone, '[^0-9]', '', 'g')") }}
            group by regexp_replace(phone, '[^0-9]', '', 'g')
        ),

        amounts as (
            select
                headers.*,
                nullif(trim(headers.email), '') as order_email,
                nullif(regexp_replace(headers.phone, '[^0-9]', '', 'g'), '') as checkout_phone,
                nullif(trim(coalesce(headers.phone, headers.billing_phone, headers.shipping_phone)), '')
                    as order_phone,
                nullif(trim(coalesce(headers.billing_name, headers.shipping_name)), '') as order_name,
                goods.gross_amount as goods_amount,
                coalesce(
                    cast(headers.subtotal as decimal(18, 4)),
                    goods.amount_after_line_discounts
                    - coalesce(cast(headers.discount_amount as decimal(18, 4)), 0)
                ) as subtotal_amount,
                -- Columns that a short export lacks are amounts that were not charged.
                coalesce(cast(headers.shipping as decimal(18, 4)), 0) as shipping_stated,
                coalesce(cast(headers.taxes as decimal(18, 4)), 0) as tax_amount,
                cast(headers.total as decimal(18, 4)) as total_stated,
                coalesce(cast(headers.refunded_amount as decimal(18, 4)), 0) as refund_stated
            from headers
            inner join goods on headers.name = goods.name
        ),

        taxed as (
            select
                *,
                coalesce(
                    tax_amount > 0
                    and abs(total_stated - subtotal_amount - shipping_stated)
                    < abs(total_stated - subtotal_amount - shipping_stated - tax_amount),
                    false
                ) as is_tax_included
            from amounts
        ),

        valued as (
            select
                *,
                cast(
                    case
                        when is_tax_included
                            then
                                subtotal_amount
                                - tax_amount * subtotal_amount
                                / nullif(subtotal_amount + shipping_stated, 0)
                        else subtotal_amount
                    end as decimal(18, 4)
                ) as net_revenue,
                cast(
                    case
                        when is_tax_included
                            then
                                shipping_stated
                                - tax_amount * shipping_stated
                                / nullif(subtotal_amount + shipping_stated, 0)
                        else shipping_stated
                    end as decimal(18, 4)
                ) as shipping_amount
            from taxed
        )

        select
            valued.* exclude (email, phone, subtotal_amount, shipping_stated),
            coalesce(
                known_emails.customer_id,
                case when valued.order_email is null then known_phones.customer_id end,
                case
                    when coalesce(valued.order_email, valued.order_phone, valued.order_name) is not null
                        then 'guest:' || valued.name
                end
            ) as order_customer_id,
            cast(
                case
                    when valued.refund_stated = 0 then 0
                    else
                        valued.refund_stated * valued.net_revenue
                        / nullif(coalesce(valued.total_stated, valued.net_revenue), 0)
                end as decimal(18, 4)
            ) as refund_amount,
            cast(greatest(valued.goods_amount - valued.subtotal_amount, 0) as decimal(18, 4))
                as discount_given
        from valued
        left join known_emails on lower(valued.order_email) = known_emails.email
        left join known_phones on valued.checkout_phone = known_phones.phone
    )
{%- endmacro %}


{# What a row of the customers export says of the customer; apostrophes before zips are Excel's. #}
{% macro shopify_customer_columns(customers) -%}
    nullif(trim({{ customers }}.first_name), '') as first_name,
    nullif(trim({{ customers }}.last_name), '') as last_name,
    cast(null as varchar) as full_name,
    nullif(trim({{ customers }}.company), '') as company_name,
    nullif(trim({{ customers }}.email), '') as email,
    nullif(trim(coalesce({{ customers }}.phone, {{ customers }}.address_phone)), '') as phone,
    nullif(trim(concat_ws(', ', {{ customers }}.address1, {{ customers }}.address2)), '') as street,
    nullif(trim({{ customers }}.city), '') as city,
    nullif(trim({{ customers }}.province_code), '') as region,
    nullif(ltrim(trim({{ customers }}.zip), ''''), '') as postal_code,
    nullif(trim({{ customers }}.country_code), '') as country_code
{%- endmacro %}
