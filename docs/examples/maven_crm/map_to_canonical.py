"""Map the CRM sales opportunities of Maven Analytics onto the `canonical` templates.

Belongs here: which row of the files becomes which row, and why. Does not: anything the warehouse
does with the rows. The README beside this file explains the choices and shows the totals.

    python docs/examples/maven_crm/map_to_canonical.py SOURCE OUT
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

EXPORT_DAY = date(2017, 12, 31)  # the last close date of the file

# Spellings of the pipeline and of the accounts that their own master data contradict.
PRODUCTS = {"GTXPro": "GTX Pro"}
SECTORS = {"technolgy": "technology"}
COUNTRIES = {
    "Belgium": "BE",
    "Brazil": "BR",
    "China": "CN",
    "Germany": "DE",
    "Italy": "IT",
    "Japan": "JP",
    "Jordan": "JO",
    "Kenya": "KE",
    "Korea": "KR",
    "Norway": "NO",
    "Panama": "PA",
    "Philipines": "PH",
    "Poland": "PL",
    "Romania": "RO",
    "United States": "US",
}


def day(text: str) -> date | None:
    """Read 3/1/2017 as the first of March; nothing is no day."""
    return datetime.strptime(text, "%m/%d/%Y").date() if text else None


def write_canonical(source: Path, out: Path) -> None:
    """Write customers, products, opportunities, orders and order lines to `out`/canonical."""
    folder = out / "canonical"
    folder.mkdir(parents=True, exist_ok=True)

    def read(name: str) -> list[dict[str, str]]:
        with (source / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def write(name: str, header: str, lines: Iterable[tuple[object, ...]]) -> None:
        path = folder / f"{name}_{EXPORT_DAY}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header.split())
            writer.writerows(lines)

    deals = read("sales_pipeline")
    prices = {row["product"]: Decimal(row["sales_price"]) for row in read("products")}
    write(
        "customers",
        "customer_id customer_type company_name industry count_employees country_code "
        "parent_organisation_id year_established",
        [
            (
                row["account"],
                "organisation",
                row["account"],
                SECTORS.get(row["sector"], row["sector"]),
                row["employees"],
                COUNTRIES[row["office_location"]],
                row["subsidiary_of"],
                row["year_established"],
            )
            for row in read("accounts")
        ],
    )
    write(
        "products",
        "product_id product_name category list_price",
        [
            (row["product"], row["product"], row["series"], row["sales_price"])
            for row in read("products")
        ],
    )
    dated = [row for row in deals if row["engage_date"]]
    write(
        "opportunities",
        "opportunity_id customer_id opportunity_name stage amount currency_code created_at "
        "closed_at is_won sales_agent",
        [
            (
                row["opportunity_id"],
                row["account"],
                PRODUCTS.get(row["product"], row["product"]),
                row["deal_stage"],
                # lost ones have a close value of 0: what was at stake is the product's price
                row["close_value"]
                if row["deal_stage"] == "Won"
                else prices[PRODUCTS.get(row["product"], row["product"])],
                "USD",
                day(row["engage_date"]),
                day(row["close_date"]),
                {"Won": "true", "Lost": "false"}.get(row["deal_stage"], ""),
                row["sales_agent"],
            )
            for row in dated
        ],
    )
    won = [row for row in deals if row["deal_stage"] == "Won"]
    write(
        "orders",
        "order_id customer_id ordered_at channel currency_code net_revenue discount_amount",
        [
            (
                row["opportunity_id"],
                row["account"],
                day(row["close_date"]),
                "sales",
                "USD",
                row["close_value"],
                discount(row, prices),
            )
            for row in won
        ],
    )
    write(
        "order_lines",
        "order_id line_number product_id quantity list_price net_revenue",
        [
            (
                row["opportunity_id"],
                1,
                PRODUCTS.get(row["product"], row["product"]),
                1,
                prices[PRODUCTS.get(row["product"], row["product"])],
                row["close_value"],
            )
            for row in won
        ],
    )
    stages = Counter(row["deal_stage"] for row in deals)
    revenue = sum((Decimal(row["close_value"]) for row in won), Decimal(0))
    for stage, count in sorted(stages.items()):
        print(f"{stage}: {count} deals")
    print(f"{len(won)} orders of {revenue} USD; {len(deals) - len(dated)} deals without any date")


def discount(row: dict[str, str], prices: dict[str, Decimal]) -> Decimal:
    """Give how far the deal stayed below the list price; above it nothing was given."""
    listed = prices[PRODUCTS.get(row["product"], row["product"])]
    return max(listed - Decimal(row["close_value"]), Decimal(0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder with the five CSV files")
    parser.add_argument("out", type=Path, help="landing folder; files go to OUT/canonical")
    arguments = parser.parse_args()
    write_canonical(arguments.source, arguments.out)
