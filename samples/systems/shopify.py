"""Shopify: the shop's orders, web, app and tills, with its customers and products.

Orders as the admin exports them: a row per line, the cells of the order on its first row only,
times with the offset of the shop's zone, zips with an apostrophe. Orders older than half a year at
the full export are in a file of the former header, everything later in the present one. Customers
and products are exported whole. A guest has no customer record; a sale at the till may have nobody.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import Ints, references, stream, table, text
from samples.purchases import PAYMENT_METHODS
from samples.registrations import Registrations
from samples.systems.exporting import (
    Export,
    System,
    identities,
    order_records,
    with_columns,
)
from samples.systems.ids import product_skus, shopify_customer_ids, spaced
from samples.systems.landscape import ADVISED, SHOPPER, Landscape, column

MACROS = ("create macro shop_time(instant) as with_offset(instant, 'America/New_York')",)
_EMAILED_RECEIPT_SHARE = 0.5  # of sales at the till to people without an account
_CODES = ("WELCOME10", "SPRING", "FRIENDS", "SAVE15")
_PAYMENT_NAMES = {
    "card": "Shopify Payments",
    "wallet": "PayPal Express Checkout",
    "transfer": "Bank Deposit",
    "voucher": "Gift Card",
    "invoice": "Invoice",
}

# Label, value; what begins with `head` stands on the first row of an order only.
_ADDRESS_CELLS = (
    *("Name", "Street", "Address1", "Address2", "Company", "City", "Zip", "Province"),
    *("Country", "Phone"),
)


def _address(kind: str, condition: str) -> list[tuple[str, str]]:
    values = (
        *("billing_name", "street", "street", "null", "null", "city", "'''' || postal_code"),
        *("region", "if(city is null, null, 'US')", "phone"),
    )
    return [
        (f"{kind} {cell}", f"head(if({condition}, {value}, null))")
        for cell, value in zip(_ADDRESS_CELLS, values, strict=True)
    ]


_ORDER_CELLS = [
    ("Name", "order_name"),
    ("Email", "head(email)"),
    (
        "Financial Status",
        """head(case
            when seen(cancelled_at) is not null then 'voided'
            when seen(refunded_at) is not null and is_returned then 'refunded'
            when seen(refunded_at) is not null then 'partially_refunded'
            when seen(paid_at) is not null then 'paid'
            else 'pending'
        end)""",
    ),
    ("Paid at", "head(shop_time(if(seen(cancelled_at) is null, seen(paid_at), null)))"),
    (
        "Fulfillment Status",
        "head(if(in_store or seen(shipped_at) is not null, 'fulfilled', 'unfulfilled'))",
    ),
    ("Fulfilled at", "head(shop_time(if(in_store, ordered_at, seen(shipped_at))))"),
    ("Accepts Marketing", "head(if(accepts_marketing, 'yes', 'no'))"),
    ("Currency", "head('USD')"),
    ("Subtotal", "head(money(net_revenue))"),
    ("Shipping", "head(money(shipping))"),
    ("Taxes", "head(money(tax))"),
    ("Total", "head(money(net_revenue + shipping + tax))"),
    ("Discount Code", "head(if(has_code and discount > 0, code, null))"),
    ("Discount Amount", "head(money(discount))"),
    ("Shipping Method", "head(if(in_store, null, if(shipping = 0, 'Free', 'Standard')))"),
    ("Created at", "head(shop_time(ordered_at))"),
    ("Lineitem quantity", "quantity"),
    ("Lineitem name", "product_name"),
    ("Lineitem price", "money(list_price)"),
    ("Lineitem compare at price", "null"),
    ("Lineitem sku", "sku"),
    ("Lineitem requires shipping", "not in_store"),
    ("Lineitem taxable", "true"),
    (
        "Lineitem fulfillment status",
        "if(in_store or seen(shipped_at) is not null, 'fulfilled', 'pending')",
    ),
    *_address("Billing", "billing_name is not null"),
    *_address("Shipping", "billing_name is not null and not in_store"),
    ("Notes", "head(if(order_number % 97 = 0, E'Please ring twice,\\n\"2nd floor\"', null))"),
    ("Note Attributes", "null"),
    ("Cancelled at", "head(shop_time(seen(cancelled_at)))"),
    ("Payment Method", "head(payment_method)"),
    ("Payment Reference", "head('c' || (30000000 + order_number) || '.1')"),
    ("Refunded Amount", "head(money(if(seen(refunded_at) is null, 0, refund_with_tax)))"),
    ("Vendor", "brand"),
    (
        "Outstanding Balance",
        "head(money(if(open_at_all, net_revenue + shipping + tax, 0)))",
    ),
    ("Employee", "head(if(in_store, 'Till 2', null))"),
    ("Location", "head(if(in_store, 'Main Street', null))"),
    ("Device ID", "head(if(in_store, 2, null))"),
    ("Id", "head(order_id)"),
    ("Tags", "null"),
    ("Risk Level", "head('Low')"),
    (
        "Source",
        """head(case channel
            when 'web' then 'web' when 'app' then '580111' when 'store' then 'pos'
            else 'shopify_draft_order'
        end)""",
    ),
    ("Lineitem discount", "money(if(has_code, 0, (list_price - unit_price) * quantity))"),
    ("Tax 1 Name", "head(if(tax > 0, 'Sales Tax', null))"),
    ("Tax 1 Value", "head(if(tax > 0, money(tax), null))"),
    *[(f"Tax {n} {part}", "null") for n in range(2, 6) for part in ("Name", "Value")],
    ("Phone", "head(phone)"),
    ("Receipt Number", "head(if(in_store, printf('1-%d', 1000 + order_number), null))"),
    ("Duties", "null"),
    ("Billing Province Name", "head(region)"),
    ("Shipping Province Name", "head(if(in_store, null, region))"),
    ("Payment ID", "head('r' || (70000000 + order_number))"),
    ("Payment Terms Name", "head(if(payment_method = 'Bank Deposit', 'Net 14', null))"),
    (
        "Next Payment Due At",
        "head(if(open_at_all and payment_method = 'Bank Deposit', shop_time(due_at), null))",
    ),
    ("Payment References", "head('c' || (30000000 + order_number) || '.1')"),
]
_RENAMED = {
    "Lineitem sku": "Lineitem SKU",
    "Lineitem compare at price": "Lineitem compare-at price",
    "Cancelled at": "Canceled at",
    "Payment Reference": "Payment Reference (deprecated)",
}
_FIRST_NOW = ("Name", "Phone", "Email")


def _present(cells: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put the cells into the order and under the labels of the present header."""
    first = [cell for label in _FIRST_NOW for cell in cells if cell[0] == label]
    rest = [cell for cell in cells if cell[0] not in _FIRST_NOW]
    return [(_RENAMED.get(label, label), value) for label, value in first + rest]


def _value(value: str) -> str:
    return f"if(line_number = 1, {value[4:]}, null)" if value.startswith("head(") else value


def _orders_select(cells: list[tuple[str, str]], condition: str) -> str:
    listed = ",\n            ".join(f'{_value(value)} as "{label}"' for label, value in cells)
    return f"""
        select
            {listed}
        from (
            select
                *,
                greatest(
                    seen(ordered_at), seen(paid_at), seen(shipped_at), seen(cancelled_at),
                    seen(refunded_at)
                ) as changed_at,
                seen(paid_at) is null and seen(cancelled_at) is null as open_at_all
            from shop_orders join shop_lines using (order_number)
        )
        where is_new(changed_at) and {condition}
        order by ordered_at, order_number, line_number
    """


_IS_OLD = "(is_first_export() and ordered_at < getvariable('until') - interval 180 day)"

EXPORTS = (
    Export("orders", "{date}/orders_export_1.csv", _orders_select(_ORDER_CELLS, _IS_OLD)),
    Export(
        "orders",
        "{date}/orders_export_2.csv",
        _orders_select(_present(_ORDER_CELLS), f"not {_IS_OLD}"),
    ),
    Export(
        "customers",
        "{date}/customers_export.csv",
        """
        with
        bought as (
            select
                account_number as number,
                count(*) as orders,
                sum(
                    net_revenue + shipping + tax
                    - if(seen(refunded_at) is null, 0, refund_with_tax)
                ) as spent
            from shop_orders
            where seen(ordered_at) is not null and seen(cancelled_at) is null
            group by account_number
        )
        select
            customer_id as "Customer ID",
            given as "First Name",
            if(seen(renamed_at) is null, family, new_family) as "Last Name",
            email as "Email",
            if(seen(opted_out_at) is null, 'yes', 'no') as "Accepts Email Marketing",
            null as "Default Address Company",
            if(seen(moved_at) is null, street, new_street) as "Default Address Address1",
            null as "Default Address Address2",
            if(seen(moved_at) is null, city, new_city) as "Default Address City",
            if(seen(moved_at) is null, region, new_region) as "Default Address Province Code",
            'US' as "Default Address Country Code",
            '''' || if(seen(moved_at) is null, postal_code, new_postal_code)
                as "Default Address Zip",
            landline as "Default Address Phone",
            mobile as "Phone",
            'no' as "Accepts SMS Marketing",
            money(coalesce(spent, 0)) as "Total Spent",
            coalesce(orders, 0) as "Total Orders",
            null as "Note",
            'no' as "Tax Exempt",
            if(orders > 9, 'VIP', null) as "Tags"
        from accounts left join bought using (number)
        where seen(created_at) is not null
        order by number
        """,
        full=True,
    ),
    Export(
        "products",
        "{date}/products_export.csv",
        """
        select
            lower(replace(name, ' ', '-')) || '-' || product_number as "Handle",
            name as "Title",
            '<p>' || name || ' for ' || lower(category) || ', by ' || brand || '.</p>'
                as "Body (HTML)",
            brand as "Vendor",
            null as "Product Category",
            category as "Type",
            null as "Tags",
            is_active as "Published",
            'Title' as "Option1 Name",
            'Default Title' as "Option1 Value",
            sku as "Variant SKU",
            500 as "Variant Grams",
            'shopify' as "Variant Inventory Tracker",
            'deny' as "Variant Inventory Policy",
            'manual' as "Variant Fulfillment Service",
            money(list_price) as "Variant Price",
            null as "Variant Compare At Price",
            true as "Variant Requires Shipping",
            true as "Variant Taxable",
            null as "Variant Barcode",
            null as "Image Src",
            false as "Gift Card",
            'g' as "Variant Weight Unit",
            money(unit_cost) as "Cost per item",
            if(is_active, 'active', 'archived') as "Status"
        from catalogue
        order by product_number
        """,
        full=True,
    ),
)


def shopify_system(landscape: Landscape) -> System:
    """Make what Shopify holds."""
    company = landscape.company
    accounts = landscape.shopify
    customer_ids = shopify_customer_ids(np.arange(1, accounts.count + 1))
    opted_out_at = landscape.opted_out_at()
    orders = _orders(landscape)
    names = orders["order_name"].combine_chunks()
    guest = orders["guest_number"].fill_null(0).to_numpy() - 1
    is_guest = guest >= 0
    products = company.tables["products"]
    return System(
        name="shopify",
        exports=EXPORTS,
        tables={
            "accounts": accounts.as_table(
                customer_id=customer_ids, opted_out_at=opted_out_at[accounts.person]
            ),
            "shop_orders": orders,
            "shop_lines": _lines(landscape, orders),
            "catalogue": with_columns(products, sku=product_skus(products)),
        },
        identities=pa.concat_tables(
            [
                identities(
                    source_object="customers",
                    record=customer_ids,
                    person=accounts.person,
                    known_at=accounts.created_at,
                ),
                identities(
                    source_object="orders",
                    record=pc.binary_join_element_wise(
                        "guest:", names.filter(pa.array(is_guest)), ""
                    ),
                    person=landscape.guests.person[guest[is_guest]],
                    known_at=landscape.guests.created_at[guest[is_guest]],
                ),
            ]
        ),
        orders=order_records("orders", names, column(orders, "order_number")),
        macros=MACROS,
    )


def _orders(landscape: Landscape) -> pa.Table:
    """Make the shop's orders with who is on the bill; guests who left no trace are nobody."""
    company = landscape.company
    rng = stream(landscape.seed, "shop orders")
    all_orders = company.tables["orders"]
    customer = column(all_orders, "person")
    is_here = (customer < 0) | landscape.is_at(customer, (SHOPPER, ADVISED))
    rows = np.flatnonzero(is_here)
    orders = all_orders.filter(pa.array(is_here))
    in_store = np.asarray(pc.equal(orders["channel"].cast(pa.string()), "store"))
    account, guest = landscape.order_rows[rows], landscape.guest_rows[rows]
    # At the till nobody asks for a name; some want the receipt by mail.
    leaves_mail = rng.random(rows.size) < _EMAILED_RECEIPT_SHARE
    guest_mail = landscape.guests.columns["email"].is_valid().to_numpy(zero_copy_only=False)
    has_mail = guest_mail[np.maximum(guest, 0)] & (guest >= 0)
    is_known = (guest >= 0) & (~in_store | (leaves_mail & has_mail))
    guest = np.where(is_known, guest, -1)

    ordered_at = column(orders, "ordered_at")
    bill = _bill(landscape, account, guest, in_store, ordered_at)
    number = landscape.shop_order_numbers()[rows]
    payments = _first_payments(landscape)
    net, tax, refund = (column(orders, name) for name in ("net_revenue", "tax", "refund"))
    opted_out = landscape.opted_out_at()[np.maximum(customer[rows], 0)]
    return with_columns(
        orders,
        order_name=pc.binary_join_element_wise("#", pa.array(number).cast(pa.string()), ""),
        order_id=spaced(5_100_000_000_000, 4_096, column(orders, "order_number")),
        account_number=references(np.where(account < 0, -1, account + 1)),
        guest_number=references(np.where(guest < 0, -1, guest + 1)),
        in_store=in_store,
        accepts_marketing=(customer[rows] >= 0) & ~(opted_out <= ordered_at),
        has_code=rng.random(rows.size) < 0.5,
        code=text(rng.integers(0, len(_CODES), rows.size), _CODES),
        refund_with_tax=refund + np.rint(refund * tax / np.maximum(net, 1)).astype(np.int64),
        payment_method=payments["method"].combine_chunks().take(pa.array(rows)),
        due_at=payments["due_at"].combine_chunks().take(pa.array(rows)),
        **bill,
    )


def _bill(
    landscape: Landscape, account: Ints, guest: Ints, in_store: np.ndarray, ordered_at: np.ndarray
) -> dict[str, pa.Array]:
    """Write name and address as the account or the guest had them at the order."""

    def of(records: Registrations, row: Ints) -> dict[str, pa.Array]:
        rows = pa.array(row, mask=row < 0)
        moved_at = records.columns["moved_at"].to_numpy(zero_copy_only=False)[np.maximum(row, 0)]
        has_moved = pa.array(ordered_at >= moved_at)
        columns = {
            name: pc.if_else(
                has_moved,
                records.columns[f"new_{name}"].cast(pa.string()).take(rows),
                records.columns[name].cast(pa.string()).take(rows),
            )
            for name in ("street", "city", "region", "postal_code")
        }
        return {
            "billing_name": pc.binary_join_element_wise(
                records.columns["given"].take(rows), records.columns["family"].take(rows), " "
            ),
            "email": records.columns["email"].take(rows),
            "phone": records.columns["mobile"].take(rows),
            **columns,
        }

    mine, theirs = of(landscape.shopify, account), of(landscape.guests, guest)
    only_mail = pa.array(in_store & (account < 0))
    nothing = pa.scalar(None, pa.string())
    return {
        name: pc.if_else(
            pc.and_(only_mail, name != "email"), nothing, pc.coalesce(mine[name], theirs[name])
        )
        for name in mine
    }


def _first_payments(landscape: Landscape) -> pa.Table:
    """Find method and due time of every order's first payment."""
    orders, payments = landscape.company.tables["orders"], landscape.company.tables["payments"]
    order = column(payments, "order_number") - 1
    first = np.full(orders.num_rows, -1)
    first[order[::-1]] = np.arange(payments.num_rows)[::-1]
    rows = pa.array(first, mask=first < 0)
    methods = pc.index_in(payments["method"].cast(pa.string()), pa.array(PAYMENT_METHODS))
    codes = methods.combine_chunks().take(rows).fill_null(0).to_numpy()
    return table(
        method=text(np.where(first < 0, -1, codes), tuple(_PAYMENT_NAMES.values())),
        due_at=payments["due_at"].combine_chunks().take(rows),
    )


def _lines(landscape: Landscape, orders: pa.Table) -> pa.Table:
    content = landscape.company.tables["order_lines"]
    content = content.filter(pc.is_in(content["order_number"], orders["order_number"]))
    products = landscape.company.tables["products"]
    product = pa.array(column(content, "product_number") - 1)
    content = content.drop_columns(["ordered_at"])
    return with_columns(
        content,
        product_name=products["name"].combine_chunks().take(product),
        sku=product_skus(products).take(product),
        brand=products["brand"].cast(pa.string()).combine_chunks().take(product),
    )
