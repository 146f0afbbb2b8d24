"""Map the labelled sets FEBRL 1, FEBRL 2 and fake_1000 onto the `canonical` template of customers.

Belongs here: which column becomes which. Does not: who is who, which the labels tell the test and
nobody else. The README beside this file explains the choices and shows what comes out.

    python docs/examples/identity_truth/map_to_canonical.py SOURCE OUT
"""

import argparse
import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

EXPORT_DAY = "2024-01-01"
COLUMNS = (
    *("customer_id", "first_name", "last_name", "email", "birth_date"),
    *("street", "city", "region", "postal_code", "country_code", "national_id"),
)
Row = Mapping[str, str]


def read_rows(source: Path) -> Iterator[Row]:
    """Read a file with or without spaces behind its commas."""
    with source.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            yield {name.strip(): (value or "").strip() for name, value in row.items()}


def iso_day(text: str, form: str) -> str:
    """Return the day as ISO 8601, nothing where misprints made it a day that never was."""
    try:
        return datetime.strptime(text, form).date().isoformat()
    except ValueError:
        return ""


def from_febrl(row: Row) -> Row:
    """Take a row of FEBRL: the street is all that stands between number and suburb."""
    street = (row["street_number"], row["address_1"], row["address_2"])
    return {
        "customer_id": row["rec_id"],
        "first_name": row["given_name"],
        "last_name": row["surname"],
        "birth_date": iso_day(row["date_of_birth"], "%Y%m%d"),
        "street": " ".join(part for part in street if part),
        "city": row["suburb"],
        "region": row["state"],
        "postal_code": row["postcode"],
        "country_code": "AU",
        "national_id": row["soc_sec_id"],
    }


def from_fake(row: Row) -> Row:
    """Take a row of fake_1000."""
    return {
        "customer_id": row["unique_id"],
        "first_name": row["first_name"],
        "last_name": row["surname"],
        "birth_date": iso_day(row["dob"], "%Y-%m-%d"),
        "city": row["city"],
        "email": row["email"],
    }


def write_canonical(source: Path, out: Path) -> None:
    """Write the customers of `source` to `out`/canonical."""
    rows = list(read_rows(source))
    mapped = map(from_febrl if "rec_id" in rows[0] else from_fake, rows)
    folder = out / "canonical"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"customers_{EXPORT_DAY}.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(mapped)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="febrl1.csv, febrl2.csv or fake_1000.csv")
    parser.add_argument("out", type=Path, help="landing folder; the file goes to OUT/canonical")
    arguments = parser.parse_args()
    write_canonical(arguments.source, arguments.out)
