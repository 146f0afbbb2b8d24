"""Intermediate: entities over all systems, one customer across them, and what the models need.

In three steps with one gate behind them: what identifiers say of the customer records, who is one
customer (`matching.py`), and everything that hangs on that.
"""

import dagster as dg

from orchestration.lib import project
from orchestration.lib.dbt_layers import dbt_layer

LAYER = "identity"
_IDENTIFIERS = " ".join(
    f"+{model},fqn:crm_warehouse.intermediate"
    for model in ("int_identity__rule_links", "int_identity__answers")
)


@dg.definitions
def identifiers() -> dg.Definitions:
    """Bring what identifies a customer record into one spelling and find who shares it."""
    return dbt_layer(
        "identifiers",
        layer=LAYER,
        scope="all",
        select=f"{_IDENTIFIERS} resource_type:seed",
        systems=project.systems(),
        is_gated=False,
    )


@dg.definitions
def intermediate() -> dg.Definitions:
    """Bring all systems to one set of entities and one customer."""
    return dbt_layer(
        "intermediate",
        layer=LAYER,
        scope="all",
        select="fqn:crm_warehouse.intermediate",
        exclude=_IDENTIFIERS,
        systems=project.systems(),
        also_judged=[
            "intermediate.int_identity__records",
            "intermediate.int_identity__identifiers",
            "intermediate.int_identity__rule_links",
            "intermediate.int_identity__identity_answers_unioned",
            "intermediate.int_identity__answers",
        ],
    )
