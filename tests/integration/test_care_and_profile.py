"""Care calendar and profile, recomputed with pandas from the exports and published facts."""

import csv
from pathlib import Path

import duckdb
import pandas as pd

from tests.integration.exported import END, TODAY, read, table


def test_greetings_are_due_for_all_who_agreed(marts: duckdb.DuckDBPyConnection) -> None:
    customers = table(marts, "dim_customers").set_index("customer_key")
    calendar = table(marts, "mart_care_calendar")
    days = {  # 29 February is kept on the 28th.
        (day.month, day.day): day for day in pd.date_range(TODAY, periods=31, inclusive="right")
    }
    born = customers.loc[customers["customer_type"] == "person", "birth_date"].dropna()
    expected = {
        (key, days[(day.month, day.day)])
        for key, day in born.items()
        if (day.month, day.day) in days
    }
    birthdays = calendar.query("care_type == 'birthday'")
    found = set(zip(birthdays["customer_key"], birthdays["due_date"], strict=True))
    assert found
    assert found <= expected
    agreed = customers["has_email_consent"] & customers["email"].notna()
    assert {key for key, _ in expected - found}.isdisjoint(agreed[agreed].index)
    greeted = calendar[calendar["care_type"].isin(["birthday", "purchase_anniversary"])]
    for channel, group in greeted.groupby("channel"):
        assert customers.loc[group["customer_key"], f"has_{channel}_consent"].all()


def test_anniversaries_are_those_of_first_purchases(
    marts: duckdb.DuckDBPyConnection, sales: pd.DataFrame
) -> None:
    customers = table(marts, "dim_customers").set_index("customer_key")
    first = sales.groupby("customer_key")["ordered_at"].min().dt.normalize()
    expected = {
        (key, day + pd.DateOffset(years=years))
        for key, day in first.items()
        for years in (1, 2, 3)
        if TODAY < day + pd.DateOffset(years=years) <= TODAY + pd.Timedelta(days=30)
    }
    calendar = table(marts, "mart_care_calendar").query("care_type == 'purchase_anniversary'")
    found = set(zip(calendar["customer_key"], calendar["due_date"], strict=True))
    assert found
    assert found <= expected
    agreed = customers["has_email_consent"] & customers["email"].notna()
    assert {key for key, _ in expected - found}.isdisjoint(agreed[agreed].index)


def test_solved_cases_are_followed_up_until_the_customer_speaks(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    customers = table(marts, "dim_customers").set_index("customer_key")
    answers = table(marts, "fct_feedback")
    last_word = answers.groupby("customer_key")["responded_at"].max()
    cases = table(marts, "fct_cases").dropna(subset=["customer_key", "resolved_at"])
    cases = cases[~(cases["customer_key"].map(last_word) > cases["resolved_at"])]
    due = cases["resolved_at"].dt.normalize() + pd.Timedelta(days=3)
    cases = cases.assign(due=due.clip(lower=TODAY + pd.Timedelta(days=1)), is_late=due <= TODAY)
    cases = cases[(due > TODAY - pd.Timedelta(days=30)) & (due <= TODAY + pd.Timedelta(days=30))]
    expected = set(zip(cases["case_key"], cases["due"], cases["is_late"], strict=True))
    calendar = table(marts, "mart_care_calendar").query("care_type == 'case_follow_up'")
    columns = (calendar[name] for name in ("subject_key", "due_date", "is_overdue"))
    found = set(zip(*columns, strict=True))
    assert found
    assert found <= expected
    reachable = customers["email"].notna() & ~customers["has_refused_contact"]
    missing = cases[cases["case_key"].isin([key for key, _, _ in expected - found])]
    assert set(missing["customer_key"]).isdisjoint(reachable[reachable].index)


def test_who_complains_is_told_to_the_one_who_calls(marts: duckdb.DuckDBPyConnection) -> None:
    cases = table(marts, "fct_cases").query("is_complaint == True and not is_resolved")
    calendar = table(marts, "mart_care_calendar")
    expected = calendar["customer_key"].isin(cases["customer_key"].dropna())
    assert (calendar["has_open_complaint"] == expected).all()


def expected_care(due: "pd.Series[pd.Timestamp]") -> pd.DataFrame:
    """Return what is due in the days ahead or missed as long ago, by what it is about.

    What was missed is due tomorrow.
    """
    days = pd.Timedelta(days=30)
    due = due[(due > TODAY - days) & (due <= TODAY + days)]
    return pd.DataFrame(
        {"due": due.clip(lower=TODAY + pd.Timedelta(days=1)), "is_late": due <= TODAY}
    )


def test_surveys_are_due_after_the_last_delivery_unless_asked_of_late(
    marts: duckdb.DuckDBPyConnection,
    sample_exports: Path,
    keys: "pd.Series[str]",
    sales: pd.DataFrame,
) -> None:
    delivered = sales[(sales["delivered_at"] < END) & sales["customer_key"].notna()]
    last = delivered.sort_values("delivered_at").groupby("customer_key").last()
    asked = read(sample_exports, "survey_responses", "invited_at", "responded_at")
    at = asked["invited_at"].fillna(asked["responded_at"])
    asked_at = at[at < END].groupby(asked["customer_id"].map(keys)).max().dt.normalize()
    expected = expected_care(last["delivered_at"].dt.normalize() + pd.Timedelta(days=7))
    pause = expected.index.to_series().map(asked_at) + pd.Timedelta(days=90)
    expected = expected[~(expected["due"] <= pause)]
    calendar = table(marts, "mart_care_calendar").query("care_type == 'survey'")
    calendar = calendar.set_index("customer_key")
    assert len(calendar) > 0 and calendar.index.is_unique
    assert set(calendar.index) <= set(expected.index)
    expected_found = expected.loc[calendar.index]
    assert (calendar["due_date"] == expected_found["due"]).all()
    assert (calendar["is_overdue"] == expected_found["is_late"]).all()
    orders = calendar["reason"].str.extract(r"^Order (\S+) was")[0]
    assert (orders == last.loc[calendar.index, "order_id"]).all()
    # Who is left out has not agreed by e-mail.
    said = read(sample_exports, "consents", "recorded_at")
    said = said[(said["recorded_at"] < END) & (said["channel"] == "email")]
    said["customer_key"] = said["customer_id"].map(keys)
    said = said.sort_values(["recorded_at", "is_granted"], ascending=[True, False])
    word = said.groupby(["customer_key", "purpose"])["is_granted"].last().unstack()
    agreed = word["survey"].fillna(word["marketing"]) if "survey" in word else word["marketing"]
    customers = table(marts, "dim_customers").set_index("customer_key")
    left_out = expected.index.difference(calendar.index)
    reachable = customers.loc[left_out, "email"].notna()
    assert not (agreed.reindex(left_out).fillna(False).astype(bool) & reachable).any()
    assert len(left_out)


def test_contracts_are_due_a_period_after_their_last_payment(
    marts: duckdb.DuckDBPyConnection, sample_exports: Path, sales: pd.DataFrame
) -> None:
    products = read(sample_exports, "products").query("category == 'Subscription'")
    lines = read(sample_exports, "order_lines").merge(products, on="product_id")
    paid = lines.merge(sales, on="order_id")[["customer_key", "product_name", "ordered_at"]]
    paid["ordered_at"] = paid["ordered_at"].dt.normalize()
    paid = paid.dropna().drop_duplicates().sort_values("ordered_at")
    expected: dict[tuple[str, str], pd.Timestamp] = {}
    for (customer, plan), own in paid.groupby(["customer_key", "product_name"]):
        period = 30 if "monthly" in str(plan) else 365
        gaps = own["ordered_at"].diff().dt.days
        # A payment soon after another belongs to the same period.
        started = own["ordered_at"][gaps.isna() | (gaps >= period / 2)].iloc[-1]
        if started + pd.Timedelta(days=1.5 * period) > TODAY:  # else the contract has ended
            expected[str(customer), f"{plan} is due for renewal"] = started + pd.Timedelta(
                days=period
            )
    due = expected_care(pd.Series(expected))
    calendar = table(marts, "mart_care_calendar").query("care_type == 'contract_renewal'")
    calendar = calendar.set_index(["customer_key", "reason"])
    assert len(calendar) > 0 and calendar.index.is_unique
    assert set(calendar.index) <= set(due.index)
    assert (calendar["due_date"] == due.loc[calendar.index, "due"]).all()
    assert (calendar["is_overdue"] == due.loc[calendar.index, "is_late"]).all()
    customers = table(marts, "dim_customers").set_index("customer_key")
    reachable = customers["email"].notna() & ~customers["has_refused_contact"]
    left_out = due.index.difference(calendar.index).get_level_values(0)
    assert set(left_out).isdisjoint(reachable[reachable].index)


def test_consent_is_the_latest_word(
    marts: duckdb.DuckDBPyConnection, sample_exports: Path, keys: "pd.Series[str]"
) -> None:
    said = read(sample_exports, "consents", "recorded_at")
    said = said[said["recorded_at"] < END]
    said["customer_key"] = said["customer_id"].map(keys)
    # Sorted last, a refusal wins over a grant of the same moment.
    said = said.sort_values(["recorded_at", "is_granted"], ascending=[True, False])
    last = said.groupby(["customer_key", "channel"])["is_granted"].last().unstack(fill_value=False)
    customers = table(marts, "dim_customers").set_index("customer_key")
    for channel in ("email", "sms"):
        expected = last[channel].reindex(customers.index, fill_value=False)
        assert (customers[f"has_{channel}_consent"] == expected).all()
        assert 0 < expected.sum() < len(expected)


def test_the_calendar_is_published_for_import(
    marts: duckdb.DuckDBPyConnection, published_home: Path
) -> None:
    calendar = table(marts, "mart_care_calendar")
    path = published_home / "published/current/care_calendar.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["contact_value"] for row in rows] == list(calendar["contact_value"])
    assert list(rows[0]) == list(calendar.columns)
    assert [row["due_date"] for row in rows] == sorted(row["due_date"] for row in rows)
    # A CRM finds its own record by its own id.
    records = table(marts, "customer_identities").sort_values(["source_system", "source_record_id"])
    names = (records["source_system"] + ":" + records["source_record_id"]).groupby(
        records["customer_key"]
    )
    known = names.agg("; ".join)
    assert [row["source_records"] for row in rows] == known[calendar["customer_key"]].tolist()
    assert calendar["source_records"].tolist() == known[calendar["customer_key"]].tolist()
    customers = table(marts, "dim_customers").set_index("customer_key")["customer_name"]
    assert calendar["customer_name"].tolist() == customers[calendar["customer_key"]].tolist()


def test_every_indicator_of_a_customer_is_in_the_catalogue(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    identity = {
        "customer_key", "customer_name", "first_name", "last_name", "company_name", "email",
        "phone", "street", "postal_code",
    }  # fmt: skip
    catalogue = table(marts, "metric_catalogue").set_index("metric_name")
    indicators = [name for name in table(marts, "dim_customers").columns if name not in identity]
    assert len(indicators) >= 30
    assert [name for name in indicators if name not in catalogue.index] == []
    terms = catalogue.loc[indicators]
    assert terms["chinese_term"].str.contains(r"[\u4e00-\u9fff]").all()
    assert terms["definition"].str.len().gt(10).all()


def test_needs_are_the_latest_answers(
    marts: duckdb.DuckDBPyConnection, sample_exports: Path, keys: "pd.Series[str]"
) -> None:
    said = read(sample_exports, "survey_responses", "responded_at")
    said = said[said["score"].notna() & (said["responded_at"] < END)]
    said["customer_key"] = said["customer_id"].map(keys)
    said = said.sort_values(["responded_at", "response_id"])
    customers = table(marts, "dim_customers").set_index("customer_key")
    for need in ("functional_need", "emotional_need", "social_need"):
        own = said[said["dimension"] == need]
        expected = 25 * (own.groupby("customer_key")["score"].last() - 1)
        found = customers[f"{need}_score"].dropna()
        assert found.to_dict() == expected.to_dict()
        assert len(found) > 100
    # What somebody needs says nothing about how satisfied he is.
    cuts = table(marts, "mart_satisfaction").query("dimension_name == 'survey_dimension'")
    assert not cuts["dimension_value"].str.endswith("_need").any()
    answers = set(said.loc[said["dimension"].str.endswith("_need"), "response_id"])
    assert answers.isdisjoint(table(marts, "fct_feedback")["response_id"])
    assert answers <= set(table(marts, "fct_survey_responses")["response_id"])


def test_indicators_are_those_of_their_marts(marts: duckdb.DuckDBPyConnection) -> None:
    customers = table(marts, "dim_customers").set_index("customer_key")
    for name, columns in {
        "mart_customer_ltv": ["predicted_value_lifetime", "potential_value", "referral_value"],
        "mart_customer_signals": ["interval_stretch", "is_lost"],
        "mart_customer_satisfaction": ["satisfaction_change", "last_satisfaction_index"],
        "mart_customer_loyalty": ["loyalty_score", "loyalty_type", "churn_reason"],
        "mart_customer_segments": ["needs_segment"],
    }.items():
        own = table(marts, name).set_index("customer_key")
        assert len(own) > 200
        for column in columns:
            found = customers.loc[own.index, column]
            assert found.isna().tolist() == own[column].isna().tolist()
            assert found.dropna().tolist() == own[column].dropna().tolist()


def test_service_indicators(marts: duckdb.DuckDBPyConnection) -> None:
    customers = table(marts, "dim_customers").set_index("customer_key")
    cases = table(marts, "fct_cases").dropna(subset="customer_key")
    for column, counted in {
        "count_cases": cases,
        "count_open_cases": cases[~cases["is_resolved"]],
        "count_complaints": cases[cases["is_complaint"].fillna(False).astype(bool)],
    }.items():
        expected = counted.groupby("customer_key").size().reindex(customers.index, fill_value=0)
        assert (customers[column] == expected).all()
    latest = cases.groupby("customer_key")["opened_at"].max().reindex(customers.index)
    pd.testing.assert_series_equal(customers["last_case_opened_at"], latest, check_names=False)
