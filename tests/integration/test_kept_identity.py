"""What identifies the records, kept from build to build, is what it would be if made anew.

Random days reach one database that is kept, as a home's is, and one that starts from nothing. The
rules alone, over the product's own dbt models: the records are too few for likeness.
"""

import random
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from orchestration.lib.company import Company
from orchestration.lib.staged_files import kept_rows
from tests.identity_steps import build_rules, replace_records, resolve, write_records

COMPANY = Company(systems=("canonical",))
TABLES = (
    *("int_identity__records", "int_identity__identifiers", "int_identity__rule_links"),
    "int_identity__customer_records",
)
FIRST = pd.Timestamp("2024-01-01")


def make_record(draw: random.Random, number: int, day: int) -> dict[str, Any]:
    """Return a record that shares much with the others, exported first on a day."""
    person = {
        "first_name": draw.choice(["Ann", "Bob", "Robert", None, ""]),
        "last_name": draw.choice(["Roe", "Poe", "A|b", None]),
        "full_name": draw.choice([None, None, "Jo Doe"]),
    }
    firm = {
        "customer_type": "organisation",
        "company_name": draw.choice(["Acme Inc", "Zest", "Bolt Ltd"]),
        "website": draw.choice([None, "acme.example", "zest.example"]),
        "parent_organisation_id": f"c{draw.randint(1, number)}",
    }
    return {
        "source_system": draw.choice(["canonical", "crm"]),
        "customer_id": f"c{number}",
        "first_exported_at": FIRST + pd.Timedelta(days=day),
        **(firm if draw.random() < 0.25 else person),
        "source_object": draw.choice([None, "contacts"]),
        "email": draw.choice([None, "info@x.example", *(f"m{i}@x.example" for i in range(8))]),
        "phone": draw.choice([None, "123456", *(f"(212) 555-010{i}" for i in range(8))]),
        "street": draw.choice([None, "1 Main St"]),
        "city": draw.choice([None, "Rome", "Oslo"]),
        "birth_date": draw.choice([None, "1980-01-02", "1950-02-03"]),
        "national_id": draw.choice([None, None, None, "N1", "N2"]),
        "loyalty_number": draw.choice([None, None, "L1", "L2"]),
        "external_ids": draw.choice(
            [None, f"canonical:c{draw.randint(1, number + 2)}; crm:c1;crm:c1"]
        ),
    }


def tables(database: Path) -> list[list[tuple[Any, ...]]]:
    with duckdb.connect(str(database), read_only=True) as con:
        return [con.execute(f"from intermediate.{t} order by all").fetchall() for t in TABLES]


def test_random_days_give_what_a_new_start_gives(tmp_path: Path) -> None:
    draw = random.Random(5)
    records = [make_record(draw, number, 0) for number in range(1, 51)]
    kept, anew = tmp_path / "kept/warehouse.duckdb", tmp_path / "anew/warehouse.duckdb"
    kept.parent.mkdir()
    anew.parent.mkdir()
    write_records(kept, pd.DataFrame(records), COMPANY)
    build_rules(kept)
    resolve(kept, COMPANY)
    number = len(records)

    def come(day: int) -> None:
        nonlocal number
        number += 1
        records.append(make_record(draw, number, day))

    def go(_: int) -> None:
        records.pop(draw.randrange(len(records)))

    def change(day: int) -> None:
        at = draw.randrange(len(records))
        told = records[at]
        other = make_record(draw, number, day)
        column = draw.choice(sorted(set(other) - {"source_system", "customer_id"}))
        records[at] = told | {column: other[column]}

    # New and corrected ones; one withdrawn and one exported before all others, which renumbers.
    days = ("come change change", "go late change", "come come change go late")
    for day, happens in enumerate(days, 1):
        for what in happens.split():
            {"come": come, "change": change, "go": go, "late": lambda day: come(-day)}[what](day)
        draw.shuffle(records)
        replace_records(kept, pd.DataFrame(records))
        shutil.copy(kept, anew)
        with duckdb.connect(str(anew)) as con:
            for table in TABLES:
                con.execute(f"drop table intermediate.{table}")
        for database in (kept, anew):
            build_rules(database)
            resolve(database, COMPANY)
        for name, again, once in zip(TABLES, tables(kept), tables(anew), strict=True):
            assert again == once, f"{name} on day {day}: {happens}"


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    """A row that nothing touches stays as it is, even one that was changed by hand."""
    draw = random.Random(7)
    records = [
        {
            **make_record(draw, number, 0),
            "email": f"m{number // 2}@x.example",
            **dict.fromkeys(["phone", "national_id", "loyalty_number", "external_ids", "website"]),
        }
        for number in range(1, 41)
    ]
    database = tmp_path / "warehouse.duckdb"
    write_records(database, pd.DataFrame(records), COMPANY)
    build_rules(database)
    resolve(database, COMPANY)
    with duckdb.connect(str(database)) as con:
        con.execute("update intermediate.int_identity__records set postal_code = 'by hand'")
        con.execute("update intermediate.int_identity__identifiers set count_names = -1")
        con.execute("update intermediate.int_identity__rule_links set link_score = -1")
        con.execute("update intermediate.int_identity__customer_records set phone_e164 = 'by hand'")
        con.execute("update intermediate.int_identity__customer_records set link_score = -2")
    # Who is touched: the record itself, and who shares its mailbox.
    records[5]["email"] = None
    later = FIRST + pd.Timedelta(days=1)
    records.append(records[8] | {"customer_id": "new", "first_exported_at": later})
    replace_records(database, pd.DataFrame(records))
    build_rules(database)
    resolve(database, COMPANY)

    def mailboxes(table: str, column: str, condition: str) -> set[str]:
        with duckdb.connect(str(database), read_only=True) as con:
            return {
                value
                for (value,) in con.execute(
                    f"select {column} from intermediate.{table} where {condition}"
                ).fetchall()
            }

    untouched = "postal_code is distinct from 'by hand'"
    assert mailboxes("int_identity__records", "source_record_id", untouched) == {"c6", "new"}
    made = mailboxes(
        "int_identity__identifiers",
        "identifier_value",
        "identifier_kind = 'email' and count_names != -1",
    )
    assert made == {"m3@x.example", "m4@x.example"}
    linked = mailboxes(
        "int_identity__rule_links",
        "identifier_value",
        "identifier_kind = 'email' and link_score != -1",
    )
    assert linked == {"m4@x.example"}, "nobody shares the other one any more"
    keyed = mailboxes(
        "int_identity__customer_records",
        "source_record_id",
        "phone_e164 is distinct from 'by hand'",
    )
    assert keyed == {"c6", "new"}
    surest = mailboxes("int_identity__customer_records", "source_record_id", "link_score = -2")
    assert not surest, "what the links say is written for all"


def test_rows_are_kept_by_the_same_code_only_and_not_after_a_failure(tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"

    def may_keep(code: str) -> bool:
        with kept_rows(database, "identifiers", code) as may:
            return may

    assert [may_keep(code) for code in ("1", "1", "2", "1", "1")] == [
        False,
        True,
        False,
        False,
        True,
    ]
    try:
        with kept_rows(database, "identifiers", "1") as may:
            assert may
            raise ArithmeticError
    except ArithmeticError:
        assert not may_keep("1")
