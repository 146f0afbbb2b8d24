"""Make samples and open them, for the tests of this folder."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import yaml

from samples import SampleSummary, write_exports

AS_OF = date(2026, 11, 1)
CONTRACT = (
    Path(__file__).resolve().parents[3]
    / "orchestration"
    / "defs"
    / "raw"
    / "canonical"
    / "defs.yaml"
)

# Objects that people write, and optional columns that this company does not know.
WRITTEN_BY_PEOPLE = ("identity_answers",)
LEFT_OUT = {
    "customers": {
        *("national_id", "loyalty_number", "organisation_id", "parent_organisation_id"),
        *("merged_into_customer_id", "website", "industry", "count_employees"),
    }
}


@dataclass(frozen=True)
class Sample:
    """Written exports and what the writer said about them."""

    out: Path
    summary: SampleSummary

    def files(self, name: str) -> list[Path]:
        """Find the files of an object, the oldest first."""
        return sorted((self.out / "canonical").glob(f"{name}_[0-9]*.csv"))


def make_sample(out: Path, **options: Any) -> Sample:
    """Write a sample with defaults that suit the tests."""
    arguments = {"customers": 1_500, "seed": 7, "as_of": AS_OF, "report": lambda _: None}
    return Sample(out, write_exports(out, **(arguments | options)))


def load_objects() -> dict[str, dict[str, Any]]:
    """Read the canonical contract: the objects that the sample writes, with their columns."""
    contract = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    objects = {item["name"]: item for item in contract["attributes"]["objects"]}
    for name in WRITTEN_BY_PEOPLE:
        del objects[name]
    for name, unused in LEFT_OUT.items():
        columns = objects[name]["columns"]
        assert unused <= {column["name"] for column in columns if not column.get("required")}
        objects[name]["columns"] = [c for c in columns if c["name"] not in unused]
    return objects


def connect(sample: Sample, objects: dict[str, dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    """Open every object as a table of text, with the file every row came from.

    In a sample with deltas the newest version of a row counts.
    """
    con = duckdb.connect()
    for name, content in objects.items():
        paths = [str(path) for path in sample.files(name)]
        newest = f"row_number() over (partition by {', '.join(content['key'])} order by _file desc)"
        con.execute(
            f"""
            create table {name} as
            select * from read_csv(?, header = true, all_varchar = true, filename = '_file')
            {f"qualify {newest} = 1" if len(paths) > 1 else ""}
            """,
            [paths],
        )
    con.execute(
        "create table identities as select * from read_csv(?, all_varchar = true)",
        [str(sample.out / "truth" / "identities.csv")],
    )
    return con
