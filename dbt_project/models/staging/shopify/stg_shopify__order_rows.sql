{#
    The orders export has one row per line item and no key of its own; the cells of an order stand on its
    first row only. Which rows count: those of the newest export that holds the order, as exports overlap
    and the newest one tells all of an order's lines.

    A row that occurs twice in one file may be a repeated row or two equal lines. A repeated first
    row is a repeat; of other rows the value of the order decides which reading is nearer to it.

    Decided by the few columns that decide: the export has some eighty, and to sort them all for the rare
    repeated row was two thirds of what staging a shop cost.
#}
{% set line = [
    'name', 'created_at', 'subtotal', 'lineitem_name', 'lineitem_sku', 'lineitem_quantity',
    'lineitem_price', 'lineitem_discount', 'lineitem_fulfillment_status', 'source_metadata',
] | join(', ') -%}
with

exported as (
    select * from {{ current_records('shopify', 'orders') }}
),

newest_files as (
    select
        name,
        max_by(
            _content_hash,
            struct_pack(exported_at := _exported_at, content_hash := _content_hash)
        ) as _content_hash
    from exported
    group by name
),

of_newest_file as (
    select exported.*
    from exported
    semi join newest_files
        on
            exported.name = newest_files.name
            and exported._content_hash = newest_files._content_hash
),

typed as (
    select
        {{ line }},
        _content_hash,
        _file_name,
        _row_number,
        discount_amount,
        created_at is not null as is_first_row,
        coalesce(cast(lineitem_quantity as decimal(18, 4)), 0)
        * coalesce(cast(lineitem_price as decimal(18, 4)), 0) as gross_amount
    from of_newest_file
),

first_occurrences as (
    select
        name,
        min(_row_number) as _row_number
    from typed
    group by {{ line }}
),

judged as (
    select
        typed.*,
        first_occurrences.name is null as is_repeat
    from typed
    left join first_occurrences
        on
            typed.name = first_occurrences.name
            and typed._row_number = first_occurrences._row_number
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
    judged.name as order_id,
    judged.is_first_row,
    judged.gross_amount,
    coalesce(cast(judged.lineitem_discount as decimal(18, 4)), 0) as line_discount,
    judged._content_hash,
    judged._file_name,
    judged._row_number
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
