"""Map the UCI Online Retail file onto the `canonical` templates.

Belongs here: which line of the file becomes which row, and why. Does not: anything the warehouse
does with the rows. The README beside this file explains the choices and shows the totals.

    python docs/examples/online_retail/map_to_canonical.py SOURCE OUT
"""

import argparse
from pathlib import Path

import duckdb

READ = """
create table lines as
with typed as (
    select
        row_number() over () as file_line, -- the file is in order of time
        source.InvoiceNo as invoice,
        upper(trim(source.StockCode)) as product, -- 85123a and 85123A are one product
        trim(source.Description) as description,
        cast(source.Quantity as integer) as quantity,
        cast(source.InvoiceDate as timestamp) as invoiced_at,
        cast(source.UnitPrice as decimal(12, 3)) as price,
        nullif(source.CustomerID, '') as customer,
        source.Country as country,
    from read_csv($source, all_varchar = true) as source
)

select
    *,
    quantity * price as amount,
    case
        when invoice like 'A%' then 'bad debt'
        when invoice like 'C%' then 'cancellation'
        when customer is null and max(price) over (partition by invoice) = 0 then 'stock booking'
        else 'sale'
    end as kind,
from typed
"""

# A cancellation names no invoice. It undoes the customer's latest earlier sale of that product in
# at least that quantity; where there is none (a discount, a manual correction, postage), the
# customer's latest earlier sale. What is left undoes a sale that is not in the file.
MATCH = """
create table cancellations as
select
    cancelled.invoice,
    cancelled.amount,
    coalesce(
        max_by(sale.invoice, (sale.invoiced_at, sale.file_line)) filter (
            where sale.product = cancelled.product and sale.quantity >= -cancelled.quantity
            and sale.price > 0
        ),
        max_by(sale.invoice, (sale.invoiced_at, sale.file_line))
    ) as sale_invoice,
from lines as cancelled
left join lines as sale
    on sale.kind = 'sale' and sale.customer = cancelled.customer
    and sale.invoiced_at <= cancelled.invoiced_at
where cancelled.kind = 'cancellation'
group by cancelled.file_line, cancelled.invoice, cancelled.amount
"""

ORDERS = """
with refunds as (
    select
        coalesce(sale_invoice, invoice) as invoice,
        -sum(amount) as refund_amount,
        string_agg(distinct invoice, ';' order by invoice) as cancellation_invoices,
    from cancellations
    group by all
),

invoices as (
    select
        invoice,
        any_value(customer) as customer_id,
        min(invoiced_at) as ordered_at, -- 43 invoices were written over two minutes
        any_value(kind) as kind,
        coalesce(sum(amount) filter (where kind = 'sale'), 0) as net_revenue,
    from lines
    group by invoice
)

select
    invoice as order_id,
    customer_id,
    ordered_at,
    -- Taken back to the last penny, or the undoing of a sale that is not here: no purchase.
    case
        when kind = 'cancellation' or refund_amount = net_revenue then 'cancelled'
        else 'placed'
    end as order_status,
    'web' as channel,
    'GBP' as currency_code,
    net_revenue,
    coalesce(refund_amount, 0) as refund_amount,
    cancellation_invoices,
from invoices
left join refunds using (invoice)
where kind = 'sale' or (kind = 'cancellation' and refund_amount is not null)
order by invoice
"""

# Equal lines of one invoice are separate lines of the till: the line number tells them apart.
ORDER_LINES = """
select
    invoice as order_id,
    row_number() over (partition by invoice order by file_line) as line_number,
    product as product_id,
    quantity,
    price as unit_price,
    amount as net_revenue,
from lines
where kind = 'sale'
order by file_line
"""

# The name most often printed on a line with a price: lines without one say "damaged" or "?".
PRODUCTS = """
with names as (
    select product, description, count(*) as count_lines
    from lines
    where price > 0
    group by all
)

select
    product as product_id,
    (select max_by(description, (count_lines, description)) from names
     where names.product = products.product) as product_name,
    case
        when product in ('POST', 'DOT', 'C2') then 'postage'
        when product like 'GIFT%' then 'gift vouchers'
        when product in ('AMAZONFEE', 'BANK CHARGES', 'B', 'CRUK', 'D', 'M', 'S') then 'adjustments'
        else 'merchandise'
    end as category,
from (select distinct product from lines) as products
order by product
"""

CUSTOMERS = """
with codes(country, country_code) as (values
    ('Australia', 'AU'), ('Austria', 'AT'), ('Bahrain', 'BH'), ('Belgium', 'BE'), ('Brazil', 'BR'),
    ('Canada', 'CA'), ('Cyprus', 'CY'), ('Czech Republic', 'CZ'), ('Denmark', 'DK'), ('EIRE', 'IE'),
    ('Finland', 'FI'), ('France', 'FR'), ('Germany', 'DE'), ('Greece', 'GR'), ('Hong Kong', 'HK'),
    ('Iceland', 'IS'), ('Israel', 'IL'), ('Italy', 'IT'), ('Japan', 'JP'), ('Lebanon', 'LB'),
    ('Lithuania', 'LT'), ('Malta', 'MT'), ('Netherlands', 'NL'), ('Norway', 'NO'), ('Poland', 'PL'),
    ('Portugal', 'PT'), ('RSA', 'ZA'), ('Saudi Arabia', 'SA'), ('Singapore', 'SG'), ('Spain', 'ES'),
    ('Sweden', 'SE'), ('Switzerland', 'CH'), ('USA', 'US'), ('United Arab Emirates', 'AE'),
    ('United Kingdom', 'GB') -- Channel Islands, European Community and Unspecified have no code
)

select
    customer as customer_id,
    any_value(country_code) as country_code,
    country,
    first_invoiced_at as created_at,
from (
    select
        customer,
        max_by(country, (invoiced_at, file_line)) as country, -- 8 customers moved: the latest holds
        min(invoiced_at) as first_invoiced_at,
    from lines
    where customer is not null
    group by customer
)
left join codes using (country)
group by all
order by customer
"""

SPLIT = """
select kind, count(distinct invoice), count(*), sum(amount)
from lines
group by kind
union all
select 'whole file', count(distinct invoice), count(*), sum(amount)
from lines
order by 3
"""


def write_canonical(source: Path, out: Path) -> list[tuple[str, int, int, object]]:
    """Write the four files to `out`/canonical and return how the source splits.

    `source` is the CSV, gzipped or not. The day of the last invoice stands in the file names: it is
    the day of the export. Returns kind, invoices, lines, amount.
    """
    folder = out / "canonical"
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute(READ, {"source": str(source)})
        con.execute(MATCH)
        found = con.execute("select cast(max(invoiced_at) as date) from lines").fetchone()
        assert found is not None  # an aggregate without groups has one row
        for name, query in {
            "customers": CUSTOMERS,
            "orders": ORDERS,
            "order_lines": ORDER_LINES,
            "products": PRODUCTS,
        }.items():
            con.sql(query).write_csv(str(folder / f"{name}_{found[0]}.csv"))
        return con.execute(SPLIT).fetchall()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="OnlineRetail.csv, gzipped or not")
    parser.add_argument("out", type=Path, help="landing folder; files go to OUT/canonical")
    arguments = parser.parse_args()
    for kind, invoices, lines, amount in write_canonical(arguments.source, arguments.out):
        print(f"{kind:<13} {invoices:>7,} invoices {lines:>8,} lines {amount:>16,.3f}")
