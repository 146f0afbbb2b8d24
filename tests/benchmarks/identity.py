"""Measure how long a million customer records take to become customers, and how well it is done.

Run `python -m tests.benchmarks.identity [--records 1000000]`. The records are made with a fixed
seed outside the timing: three systems that know 55 % as many people as there are records, with
misprints, nicknames, moves, missing cells, families on one phone, shared mailboxes and namesakes.
Timed are the steps between staging and the keyed records: identifiers and rules (dbt), likeness and
clusters (Splink), links and keys (dbt). Memory is the peak of the process that takes them.
Precision and recall are of record pairs, against who the records were made from.

A thousandth of the records comes on each of some later days, to measure what a day of deltas takes:
more than one, as on the first a mail domain of one in a hundred mailboxes passes that limit, by
construction. That they give what a build from nothing gives is no business of this module
(tests/unit/identity/test_matching).
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from orchestration.lib.company import Company
from samples.people import FAMILY, GIVEN
from tests.benchmarks.memory import peak_megabytes
from tests.identity_steps import build_rules, replace_records, resolve, write_records

SEED = 11
PEOPLE_PER_RECORD = 0.55
STREETS = ("main st", "oak avenue", "elm street", "lake road", "hill st", "park ave", "mill lane")
NICKNAMES = {"Robert": "Bob", "William": "Bill", "Elizabeth": "Liz", "Christopher": "Chris"}


def main() -> None:
    """Print seconds per step, peak memory, precision and recall."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=3)
    arguments = parser.parse_args()
    company = Company(systems=("canonical",))
    with tempfile.TemporaryDirectory(prefix="crm-warehouse-identity-") as folder:
        database = Path(folder) / "warehouse.duckdb"
        for day in range(arguments.days + 1):
            # In a process of its own: its memory is none of the product's.
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                pool.submit(prepare, database, arguments.records, arguments.days, day).result()
            name = f"day {day}, a thousandth more" if day else "all records but those of the days"
            with timed(f"{name}: all steps"):
                with timed(f"{name}: identifiers and rules"):
                    build_rules(database)
                with timed(f"{name}: likeness, clusters, links and keys"):
                    found = resolve(database, company)
            print(f"peak memory of the process: {peak_megabytes():,.0f} MB", flush=True)
            print(found)
            judge(database)


def prepare(database: Path, count: int, days: int, day: int) -> None:
    """Write the records where a run's union of all systems would be, and whose they are.

    `day` from 0, on which there are the records of none of the `days`.
    """
    draw = np.random.default_rng(SEED)
    records = make_records(draw, count)
    new = draw.choice(count, days * (count // 1000), replace=False).reshape(days, -1)
    for later, of_day in enumerate(new, 1):
        records.loc[of_day, "first_exported_at"] += pd.Timedelta(days=later)
    records = records.drop(index=new[day:].ravel())
    if day == 0:
        write_records(database, records, Company(systems=("canonical",)))
    else:
        replace_records(database, records)
    with duckdb.connect(str(database)) as con:
        con.register("made", records)
        con.execute("create schema if not exists truth")
        con.execute(
            "create or replace table truth.people as "
            "select source_system, customer_id, person from made"
        )


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print the wall and CPU seconds of a block."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print(
        f"{what}: {time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.1f} CPU s",
        flush=True,
    )


def make_records(draw: np.random.Generator, count: int) -> pd.DataFrame:
    """Make the records of three systems; `person` says whose each one is."""
    people = int(count * PEOPLE_PER_RECORD)
    syllables = [name[:4].lower() for name in FAMILY]
    families = np.array(
        [*FAMILY, *(f"{a}{b}".title() for a in syllables[:120] for b in syllables[120:280])]
    )
    given = np.array(GIVEN)[zipf(draw, len(GIVEN), people)]
    family = families[zipf(draw, families.size, people)]
    number = draw.integers(1, 9999, people)
    street = np.char.add(
        np.char.add(number.astype(str), " "),
        np.array([f"{a} {b}" for a in families[:300] for b in STREETS])[
            draw.integers(0, 2100, people)
        ],
    )
    postal = draw.integers(10_000, 99_999, people).astype(str)
    phone = np.char.add("212", (2_000_000 + np.arange(people) % 7_999_999).astype(str))
    mailbox = np.char.lower(np.char.add(np.char.add(given.astype(str), "."), family.astype(str)))
    email = np.char.add(
        np.char.add(mailbox, draw.integers(0, 999, people).astype(str)), "@inbox.example"
    )
    born = np.datetime64("1940-01-01") + draw.integers(0, 24_000, people)
    # Every twentieth person lives with the one before: name, home, phone, some a mailbox.
    with_partner = np.arange(19, people, 20)
    for column in (family, street, postal, phone):
        column[with_partner] = column[with_partner - 1]
    email[with_partner[::4]] = email[with_partner[::4] - 1]
    email[draw.random(people) < 0.01] = "info@firm.example"

    person = np.sort(np.concatenate([np.arange(people), draw.integers(0, people, count - people)]))
    frame = pd.DataFrame(
        {
            "person": person,
            "source_system": np.array(["canonical", "crm", "shop"])[draw.integers(0, 3, count)],
            "customer_id": np.char.add("R", np.arange(count).astype(str)),
            "first_name": given[person],
            "last_name": family[person],
            "email": email[person],
            "phone": phone[person],
            "birth_date": born[person].astype(str),
            "street": street[person],
            "postal_code": postal[person],
            "first_exported_at": pd.Timestamp("2024-01-01"),
        }
    )
    for column, share in {"email": 0.35, "phone": 0.4, "birth_date": 0.5, "street": 0.3}.items():
        frame.loc[draw.random(count) < share, column] = None
    for column in ("first_name", "last_name", "street"):
        chosen = np.flatnonzero((draw.random(count) < 0.04) & frame[column].notna())
        frame.loc[chosen, column] = [misprint(draw, text) for text in frame.loc[chosen, column]]
    called = (draw.random(count) < 0.3) & frame["first_name"].isin(NICKNAMES)
    frame.loc[called, "first_name"] = frame.loc[called, "first_name"].map(NICKNAMES)
    moved = draw.random(count) < 0.06
    frame.loc[moved, "postal_code"] = draw.integers(10_000, 99_999, moved.sum()).astype(str)
    frame.loc[moved, "street"] = "1 new street"
    return frame


def zipf(draw: np.random.Generator, choices: int, size: int) -> np.ndarray:
    """Draw positions, the first ones more often, as names are."""
    weights = 1 / np.arange(3, choices + 3) ** 0.8
    return draw.choice(choices, size, p=weights / weights.sum())


def misprint(draw: np.random.Generator, text: str) -> str:
    """Swap two letters that stand beside each other."""
    at = int(draw.integers(0, max(1, len(text) - 1)))
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


def judge(database: Path) -> None:
    """Print precision and recall of the pairs and the largest cluster."""
    with duckdb.connect(str(database), read_only=True) as con:
        con.execute(
            "create temp table judged as select people.person, records.customer_key from "
            "intermediate.int_identity__customer_records as records inner join truth.people on "
            "records.source_system = people.source_system "
            "and records.source_record_id = people.customer_id"
        )

        def pairs(columns: str) -> float:
            found = con.execute(
                f"select sum(n * (n - 1) / 2) from (select count(*) as n from judged "
                f"group by {columns})"
            ).fetchone()
            return float(found[0]) if found else 0.0

        both, found, true = pairs("person, customer_key"), pairs("customer_key"), pairs("person")
        (largest,) = con.execute(
            "select max(n) from (select count(*) as n from judged group by customer_key)"
        ).fetchone() or (0,)
    print(
        f"precision {both / found:.4f}, recall {both / true:.4f}, "
        f"F1 {2 * both / (found + true):.4f}, largest cluster {largest}"
    )


if __name__ == "__main__":
    main()
