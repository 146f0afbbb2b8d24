"""Map the Telco customer churn file onto the `canonical` templates.

Belongs here: which row of the file becomes which row, and why. Does not: anything the warehouse
does with the rows. The README beside this file explains the choices and shows the totals.

    python docs/examples/telco/map_to_canonical.py SOURCE OUT
"""

import argparse
import csv
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

# The file has no date at all: it is taken for what the company knew at the end of this month.
EXPORT_DAY = date(2026, 10, 31)
CATEGORY = "telephone and internet"


def month_before(months: int) -> date:
    """Give the first day of the month that many months before the export."""
    number = EXPORT_DAY.year * 12 + EXPORT_DAY.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def bills(tenure: int, has_left: bool) -> list[date]:
    """Give the days on which a customer paid: the first of every month.

    Who stays has paid for this month; who left has paid for the last time the month before.
    """
    newest = 1 if has_left else 0
    return [month_before(newest + age) for age in reversed(range(tenure))]


def write_canonical(source: Path, out: Path) -> None:
    """Write customers, products, orders and order lines to `out`/canonical."""
    folder = out / "canonical"
    folder.mkdir(parents=True, exist_ok=True)
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))

    def write(name: str, header: str, lines: Iterable[tuple[object, ...]]) -> None:
        path = folder / f"{name}_{EXPORT_DAY}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header.split())
            writer.writerows(lines)

    paid = [
        (row, day, number)
        for row in rows
        for number, day in enumerate(bills(int(row["tenure"]), row["Churn"] == "Yes"), start=1)
    ]
    contracts = sorted({row["Contract"] for row in rows})
    write(
        "customers",
        "customer_id gender created_at senior partner dependents payment_method",
        [
            (
                row["customerID"],
                row["gender"].lower(),
                month_before(int(row["tenure"])),
                row["SeniorCitizen"],
                row["Partner"],
                row["Dependents"],
                row["PaymentMethod"],
            )
            for row in rows
        ],
    )
    write(
        "products",
        "product_id product_name category",
        [(contract, contract, CATEGORY) for contract in contracts],
    )
    write(
        "orders",
        "order_id customer_id ordered_at currency_code net_revenue",
        [
            (f"{row['customerID']}/{number:02}", row["customerID"], day, "USD", price(row))
            for row, day, number in paid
        ],
    )
    write(
        "order_lines",
        "order_id line_number product_id quantity net_revenue",
        [
            (f"{row['customerID']}/{number:02}", 1, row["Contract"], 1, price(row))
            for row, day, number in paid
        ],
    )
    billed = sum((Decimal(row["TotalCharges"].strip() or "0") for row in rows), Decimal(0))
    mapped = sum((price(row) for row, _, _ in paid), Decimal(0))
    print(f"{len(rows)} customers, {sum(row['Churn'] == 'Yes' for row in rows)} left")
    print(f"{len(paid)} monthly payments of {mapped} USD; TotalCharges of the file: {billed} USD")


def price(row: dict[str, str]) -> Decimal:
    """Give what the customer pays in a month: today's price, for the months before too."""
    return Decimal(row["MonthlyCharges"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="Telco-Customer-Churn.csv")
    parser.add_argument("out", type=Path, help="landing folder; files go to OUT/canonical")
    arguments = parser.parse_args()
    write_canonical(arguments.source, arguments.out)
