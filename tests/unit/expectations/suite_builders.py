"""Short ways to write suites in tests."""

from expectations.suites import Expectation, Suite, check_name


def expectation(
    expectation_type: str,
    severity: str = "critical",
    name: str | None = None,
    message: str = "",
    **kwargs: object,
) -> Expectation:
    name = name or check_name(expectation_type, kwargs)
    return Expectation(name, expectation_type, kwargs, severity, message, "Ask the shop team.")


def suite(*expectations: Expectation, table: str = "staging.stg_shop__orders") -> Suite:
    row_count = expectation("expect_table_row_count_to_be_between", min_value=0)
    return Suite(
        table=table,
        primary_key=("order_id", "line_number"),
        owner="team:shop",
        description="One row per order line.",
        expectations=(row_count, *expectations),
    )
