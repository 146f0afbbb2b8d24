"""Matching: who is one customer, from identifiers, likeness and the answers of people."""

import dagster as dg

from orchestration.lib.matching import resolve_customers
from orchestration.lib.statistics import statistics_step


@dg.definitions
def matching() -> dg.Definitions:
    """Resolve the records of all systems to customers."""
    return statistics_step(
        resolve_customers,
        tables=["clusters", "likeness", "vetoes", "model", "runs", "previous", "earlier_changes"],
        reads=["int_identity__records", "int_identity__rule_links", "int_identity__answers"],
        kinds={"python", "splink"},
        layer="identity",
        schema="matching",
        group="intermediate",  # what it reads and what reads it is there
    )
