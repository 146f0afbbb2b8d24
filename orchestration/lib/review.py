"""Pairs of records that a person has to judge, as a file that comes back as answers.

Belongs here: the list and its columns. Does not: which pairs are on it (`identity_links`), what an
answer does (identity).
"""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

_SHOWN = ("customer_name", "company_name", "email", "phone", "birth_date", "street", "city")


class ReviewList(NamedTuple):
    """What is to be judged: names of the columns, one row per pair, the likeliest first."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def review_list(con: duckdb.DuckDBPyConnection) -> ReviewList:
    """Return the pairs between the two thresholds, with what is known of both customers.

    The columns up to `answered_at` are those of the template `identity_answers`. A pair of
    customers is asked about once, by its likeliest pair of records: joining one joins all.
    """
    sides = ", ".join(f"{side}.{name} as {name}_{side}" for name in _SHOWN for side in ("a", "b"))
    found = con.execute(
        f"""
        with pairs as (
            select *, row_number() over (
                partition by least(customer_key_a, customer_key_b),
                    greatest(customer_key_a, customer_key_b)
                order by link_score desc, source_system_a, source_record_id_a, source_system_b,
                    source_record_id_b
            ) as pair_rank
            from marts.identity_links
            where outcome = 'to_review'
        )
        select source_system_a, source_record_id_a as record_id_a, source_system_b,
            source_record_id_b as record_id_b, '' as answer, '' as answered_by, '' as answered_at,
            link_score, evidence, {sides}
        from pairs
        inner join marts.dim_customers as a on customer_key_a = a.customer_key
        inner join marts.dim_customers as b on customer_key_b = b.customer_key
        where pair_rank = 1
        order by link_score desc, source_system_a, record_id_a, source_system_b, record_id_b
        """
    )
    return ReviewList(tuple(column[0] for column in found.description or ()), found.fetchall())


def write_review_list(pairs: ReviewList, path: Path) -> None:
    """Write the list as CSV for a spreadsheet: UTF-8 with a byte order mark."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(pairs.columns)
        writer.writerows(pairs.rows)
