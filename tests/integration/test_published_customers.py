"""Golden values and permissions of the sample, held against the records they come from."""

import csv
from collections import defaultdict
from pathlib import Path

import duckdb


def exported(exports: Path, name: str) -> list[dict[str, str]]:
    (path,) = (exports / "canonical").glob(f"{name}_[0-9]*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_merging_loosens_no_refusal(marts: duckdb.DuckDBPyConnection, sample_exports: Path) -> None:
    """A customer may be contacted when the last word of every record that said one allows it."""
    key_of = dict(
        marts.execute(
            "select source_record_id, customer_key from marts.customer_identities"
        ).fetchall()
    )
    last_words: dict[tuple[str, str, str], tuple[str, bool]] = {}
    for row in exported(sample_exports, "consents"):
        place = (row["customer_id"], row["channel"], row["purpose"])
        # Of two words at once the refusal is the later one.
        said = (row["recorded_at"], row["is_granted"] == "false")
        last_words[place] = max(last_words.get(place, said), said)
    refusals: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for (record, channel, purpose), (_, is_refused) in last_words.items():
        refusals[key_of[record], channel, purpose].append(is_refused)

    found = marts.execute(
        "select customer_key, channel, purpose, is_granted, count_statements, count_refusals "
        "from marts.customer_contact_permissions"
    ).fetchall()

    assert {tuple(row[:3]): tuple(row[3:]) for row in found} == {
        place: (not any(said), len(said), sum(said)) for place, said in refusals.items()
    }
    assert {any(said) for said in refusals.values()} == {True, False}


def test_a_golden_value_is_that_of_the_record_named_as_its_source(
    marts: duckdb.DuckDBPyConnection, sample_exports: Path
) -> None:
    """Every attribute of a customer of several records has one source, which says what he is."""
    record_of = {row["customer_id"]: row for row in exported(sample_exports, "customers")}
    columns = ["first_name", "last_name", "street", "city", "postal_code", "gender"]
    profiles = {
        key: dict(zip(columns, values, strict=True))
        for key, *values in marts.execute(
            f"select customer_key, {', '.join(columns)} from marts.dim_customers "
            "where count_source_records > 1"
        ).fetchall()
    }
    of_attribute = {"name": columns[:2], "address": columns[2:5], "gender": columns[5:]}
    sources = {
        (key, attribute): record_of[record]
        for key, attribute, record in marts.execute(
            "select customer_key, attribute, source_record_id "
            "from marts.customer_attribute_sources where attribute in ('name', 'address', 'gender')"
        ).fetchall()
    }

    assert len(profiles) > 20
    for key, profile in profiles.items():
        for attribute, names in of_attribute.items():
            source = sources.get((key, attribute), {})
            assert [profile[name] for name in names] == [source.get(name) or None for name in names]
