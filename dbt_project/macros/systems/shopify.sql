{#
    The rows of the orders export that count, and the orders they make. The export has one row per
    line item and no key of its own; the cells of an order stand on its first row only.
    Staging models read raw only, not each other; hence macros.
#}

{#
    Which rows count, one row each, by name, file and number: those of the newest export that holds the
    order, as exports overlap and the newest one tells all of an order's lines.

    A row that occurs twice in one file may be a repeated row or two equal lines. A repeated first
    row is a repeat; of other rows the value of the order decides which reading is nearer to it.

    Decided by the few columns that decide: the export has some eighty, and to sort them all for the rare
    repeated row was two thirds of what staging a shop cost.
#}
{% macro shopify_counted_rows() -%}
    {%- set line = [
        'name', 'created_at', 'subtotal', 'lineitem_name', 'lineitem_sku', 'lineitem_quantity',
        'lineitem_price', 'lineitem_discount', 'lineitem_fulfillment_status', 'source_metadata',
    ] | join(', ') -%}
    (
        with

        newest_files as (
            select
                name,
                max_by(
                    _content_hash,
                    struct_pack(exported_at := _exported_at, content_hash := _content_hash)
                ) as _content_hash
            from {{ current_records('shopify', 'orders') }}
            group by name
        ),

        of_newest_file as (
            select
                {{ line }},
                _content_hash,
                _row_number,
                discount_amount,
                created_at is not null as is_first_row,
                coalesce(cast(lineitem_quantity as decimal(18, 4)), 0)
                * coalesce(cast(lineitem_price as decimal(18, 4)), 0) as gross_amount
            from {{ current_records('shopify', 'orders') }}
            semi join newest_files using (name, _content_hash)
        ),

        first_occurrences as (
            select min(_row_number) as _row_number, name
            from of_newest_file
            group by {{ line }}
        ),

        judged as (
            select
                of_newest_file.*,
                first_occurrences.name is null as is_repeat
            from of_newest_file
            left join first_occurrences using (name, _row_number)
        ),

        amounts as (
            select
                name,
                max(cast(subtotal as decimal(18, 4)))
                -- An order without a discount states none.
                + coalesce(max(cast(discount_amount as decimal(18, 4))), 0) as stated_amount,
                sum(gross_amount) as amount_of_all,
                sum(gross_amount) filter (where not is_repeat) as amount_without_repeats
            from judged
            group by name
        )

        select
            judged.name,
            judged._content_hash,
            judged._row_number,
            judged.is_first_row,
            judged.gross_amount,
            judged.lineitem_discount
        from judged
        inner join amounts on judged.name = amounts.name
        where
            not judged.is_repeat
            or (
                not judged.is_first_row
                and coalesce(
                    abs(amounts.amount_of_all - amounts.stated_amount)
                    <= abs(amounts.amount_without_repeats - amounts.stated_amount),
                    true
                )
            )
    )
{%- endmacro %}


{#
    One row per order: its cells, its customer and its value.

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
            select * from {{ shopify_counted_rows() }}
        ),

        goods as (
            select
                name,
                sum(gross_amount) as gross_amount,
                sum(gross_amount - coalesce(cast(lineitem_discount as decimal(18, 4)), 0))
                    as amount_after_line_discounts
            from counted
            group by name
        ),

        -- Lines whose first row is in quarantine have no order: no day, no value, no customer.
        first_rows as (
            select
                name,
                _content_hash,
                min(_row_number) as _row_number
            from counted
            where is_first_row
            group by name, _content_hash
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
