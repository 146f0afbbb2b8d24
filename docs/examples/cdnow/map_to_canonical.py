"""Map the CDNOW master file onto the `canonical` templates.

Belongs here: which row of the file becomes which row, and why. Does not: anything the warehouse
does with the rows. The README beside this file explains the choices and shows the totals.

    python docs/examples/cdnow/map_to_canonical.py SOURCE OUT
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

# Written as two exports, so that `--as-of 1997-09-30` shows the calibration period of the papers.
EXPORT_DAYS = (date(1997, 9, 30), date(1998, 6, 30))


@dataclass(frozen=True)
class Purchase:
    """Hold one row of the file; amounts stay text, as they are copied and never computed with."""

    order_id: str
    customer_id: str
    day: date
    discs: str
    dollars: str


def read_purchases(source: Path) -> Iterator[Purchase]:
    """Read the rows below the header: customer, yyyymmdd, number of CDs, dollars.

    The file has no order id and repeats whole rows, so the row number makes the order.
    """
    with source.open(encoding="ascii") as file:
        next(file)
        for number, line in enumerate(file, start=1):
            customer, day, discs, dollars = line.split()
            when = date(int(day[:4]), int(day[4:6]), int(day[6:]))
            yield Purchase(f"{number:05}", customer, when, discs, dollars)


def write_canonical(source: Path, out: Path) -> None:
    """Write customers, orders, order lines and products to `out`/canonical, export by export."""
    folder = out / "canonical"
    folder.mkdir(parents=True, exist_ok=True)
    purchases = list(read_purchases(source))
    joined: dict[str, date] = {}
    for purchase in purchases:
        joined[purchase.customer_id] = min(
            purchase.day, joined.get(purchase.customer_id, purchase.day)
        )

    def write(name: str, day: date, header: str, rows: list[tuple[object, ...]]) -> None:
        with (folder / f"{name}_{day}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header.split())
            writer.writerows(rows)

    first_export = EXPORT_DAYS[0]
    write("customers", first_export, "customer_id created_at", sorted(joined.items()))
    write("products", first_export, "product_id product_name category", [("CD", "CD", "music")])
    since = date.min
    for export_day in EXPORT_DAYS:
        new = [p for p in purchases if since < p.day <= export_day]
        write(
            "orders",
            export_day,
            "order_id customer_id ordered_at channel currency_code net_revenue",
            [(p.order_id, p.customer_id, p.day, "web", "USD", p.dollars) for p in new],
        )
        write(
            "order_lines",
            export_day,
            "order_id line_number product_id quantity net_revenue",
            [(p.order_id, 1, "CD", p.discs, p.dollars) for p in new],
        )
        since = export_day


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="CDNOW_master.txt")
    parser.add_argument("out", type=Path, help="landing folder; files go to OUT/canonical")
    arguments = parser.parse_args()
    write_canonical(arguments.source, arguments.out)
