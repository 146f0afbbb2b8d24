"""Public service and feedback layouts through the example of `docs/`, counted again with pandas.

The files are made up here in the layouts of public data sets: an event log of incidents, consumer
complaints, product reviews, contacts of a bank's campaign. Every expected number is counted from
these files, never from what the example made of them.
"""

import csv
import importlib.util
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from tests.running import PROJECT_ROOT, crm_warehouse, published

EXAMPLE = PROJECT_ROOT / "docs/examples/service_and_feedback"
EXPORTED_ON = date(2010, 12, 31)
STATES = {"New", "Active", "Awaiting User Info", "Awaiting Vendor", "Resolved", "Closed"}
Marts = duckdb.DuckDBPyConnection


def write(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[object]], **dialect: str
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, **dialect)  # type: ignore[arg-type]
        writer.writerow(header)
        writer.writerows(rows)


def incident_log(path: Path, rng: np.random.Generator) -> None:
    """Write a row per change; `?` is nothing, days come first, every row has the last times."""

    def told(time: pd.Timestamp | None) -> str:
        return "?" if time is None else f"{time.day}/{time.month}/{time.year} {time:%H:%M}"

    rows = []
    for number in range(150):
        opened = pd.Timestamp(2010, 1, 1) + pd.Timedelta(minutes=int(rng.integers(480_000)))
        states = ["New", *(["New"] * int(rng.integers(2))), "Active"]
        states += ["Awaiting User Info", "Active"] if rng.random() < 0.3 else []
        states += ["Resolved", "Active"] if rng.random() < 0.15 else []
        states += ["Resolved", "Closed"] if rng.random() < 0.9 else []
        minutes = np.cumsum(rng.integers(5, 3000, len(states)))
        changes = [opened + pd.Timedelta(minutes=int(after)) for after in minutes]
        over = states[-1] == "Closed"
        resolved, closed = (changes[-2], changes[-1]) if over else (None, None)
        raised = int(rng.integers(1, len(states))) if rng.random() < 0.2 else len(states)
        caller = f"Caller {rng.integers(60)}" if rng.random() < 0.95 else "?"
        category = f"Category {rng.integers(4)}" if rng.random() < 0.9 else "?"
        made = str(rng.random() < 0.8).upper()
        channel = str(rng.choice(["Phone", "Email", "Self service", "IVR"]))
        for count, (state, at) in enumerate(zip(states, changes, strict=True)):
            rows.append(
                (
                    *(f"INC{number:07d}", state, "TRUE", count, 0, count),
                    *(made if count == len(states) - 1 else "TRUE", caller),
                    *(told(opened), told(at), channel, category),
                    "2 - High" if count >= raised else "3 - Moderate",
                    *(told(resolved), told(closed)),
                )
            )
    header = (
        *("number", "incident_state", "active", "reassignment_count", "reopen_count"),
        *("sys_mod_count", "made_sla", "caller_id", "opened_at", "sys_updated_at"),
        *("contact_type", "category", "priority", "resolved_at", "closed_at"),
    )
    write(path, header, rows)


def complaint_register(path: Path, rng: np.random.Generator) -> None:
    """Write complaints that name no customer, no number and no time of the answer."""
    received = [
        pd.Timestamp(2009, 1, 1) + pd.Timedelta(days=int(rng.integers(700))) for _ in range(250)
    ]
    rows = [
        (
            day.strftime("%m/%d/%Y"),
            str(rng.choice(["Mortgage", "Credit card", "Debt collection"])),
            str(rng.choice(["Billing dispute, late fee", 'Told "no"', "Attempts to collect"])),
            "First line\nsecond, with a comma" if rng.random() < 0.3 else "",
            str(rng.choice(["Web", "Referral", "Phone", "Postal mail", "Fax"])),
            str(
                rng.choice(["Closed with explanation", "Closed", "In progress"], p=[0.7, 0.2, 0.1])
            ),
            str(rng.choice(["Yes", "No"], p=[0.95, 0.05])),
            str(rng.choice(["Yes", "No", "N/A", ""])),
            (day + pd.Timedelta(days=int(rng.integers(30)))).strftime("%m/%d/%Y"),
        )
        for day in received
    ]
    header = (
        *("Date received", "Product", "Issue", "Consumer complaint narrative", "Submitted via"),
        *("Company response to consumer", "Timely response?", "Consumer disputed?"),
        "Date sent to company",
    )
    write(path, header, rows)


def review_file(path: Path, rng: np.random.Generator) -> None:
    """Write reviews without a key; some reviewers come again, some do not say when."""
    rows = [
        (
            f"A{rng.integers(150):05d}",
            *(("B0001", "Knits") if rng.random() < 0.3 else ("B0002", "Dresses")),
            "Works, and looks nice" if stars > 3 else "broke after a day",
            "Great" if stars > 3 else "Bad",
            float(stars),
            1_262_304_000 + 86_400 * int(rng.integers(300)) + number if rng.random() < 0.9 else "",
        )
        for number, stars in enumerate(rng.choice([1, 2, 3, 4, 5, 5], 250))
    ]
    header = ("reviewerID", "asin", "Class Name", "reviewText", "summary", "overall")
    write(path, (*header, "unixReviewTime"), rows)


def contact_file(path: Path, rng: np.random.Generator) -> None:
    """Write clients in order of time, May to the April after next, without year and key."""
    rows = []
    for month in [*range(5, 13), *range(1, 13), *range(1, 5)]:
        name = pd.Timestamp(2000, month, 1).strftime("%b").lower()
        for day in sorted(rng.integers(1, 29, 12)):
            said_yes = rng.random() < 0.12
            rows.append(
                (
                    *(int(rng.integers(18, 90)), "admin.", "married", "no"),
                    *(int(rng.integers(-200, 5000)), "unknown", int(day), name),
                    *(int(rng.integers(5, 900)), int(rng.integers(1, 6)), -1, 0, "unknown"),
                    "yes" if said_yes else "no",
                )
            )
    header = (
        *("age", "job", "marital", "default", "balance", "contact", "day", "month"),
        *("duration", "campaign", "pdays", "previous", "poutcome", "y"),
    )
    write(path, header, rows, delimiter=";", quoting=csv.QUOTE_NONNUMERIC)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("layouts")
    rng = np.random.default_rng(6)
    makers = {
        "incidents": incident_log,
        "complaints": complaint_register,
        "reviews": review_file,
        "contacts": contact_file,
    }
    paths = {name: folder / f"{name}.csv" for name in makers}
    for name, make in makers.items():
        make(paths[name], rng)
    return paths


def write_canonical(files: dict[str, Path], landing: Path) -> dict[str, int]:
    """Do what the example does."""
    spec = importlib.util.spec_from_file_location("mapping", EXAMPLE / "map_to_canonical.py")
    assert spec is not None and spec.loader is not None
    mapping = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mapping)
    counts: dict[str, int] = mapping.write_canonical(files, landing, EXPORTED_ON)
    return counts


@pytest.fixture(scope="module")
def marts(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marts]:
    """The four files mapped by the example and published as one company."""
    folder = tmp_path_factory.mktemp("service")
    write_canonical(files, folder / "landing")
    run = crm_warehouse("run", "--landing", folder / "landing", "--home", folder / "home")
    assert run.exit_code == 0, run.stderr
    with published(folder / "home") as con:
        yield con


def table(con: Marts, query: str) -> pd.DataFrame:
    return con.execute(query).df()


@pytest.fixture(scope="module")
def log(files: dict[str, Path]) -> pd.DataFrame:
    rows = pd.read_csv(files["incidents"], na_values="?")
    for column in ("opened_at", "sys_updated_at", "resolved_at", "closed_at"):
        rows[column] = pd.to_datetime(rows[column], format="%d/%m/%Y %H:%M")
    return rows


def test_every_incident_is_a_case_with_its_times_and_reopenings(
    marts: Marts, log: pd.DataFrame
) -> None:
    last = log.groupby("number").last()
    assert set(log["incident_state"]) <= STATES
    cases = table(marts, "from marts.fct_cases where not is_complaint").set_index("case_id")
    assert sorted(cases.index) == sorted(last.index)
    cases = cases.loc[last.index]
    for column in ("opened_at", "resolved_at", "closed_at"):
        pd.testing.assert_series_equal(
            cases[column], last[column], check_names=False, check_dtype=False
        )
    assert (cases["is_resolved"] == (last["incident_state"] == "Closed")).all()
    assert (cases["customer_key"].notna() == last["caller_id"].notna()).all()
    assert cases["customer_key"].nunique() == last["caller_id"].nunique()
    assert (cases["category"].fillna("?") == last["category"].fillna("?")).all()
    minutes = (last["resolved_at"] - last["opened_at"]).dt.total_seconds() / 60
    assert cases["resolution_calendar_minutes"].to_numpy(float) == pytest.approx(
        minutes.to_numpy(), nan_ok=True
    )
    over = log["incident_state"].isin(["Resolved", "Closed"])
    reopened = (~over & over.groupby(log["number"]).shift(fill_value=False)).groupby(log["number"])
    assert (cases["count_reopened"] == reopened.sum().loc[cases.index]).all()
    assert reopened.sum().max() > 0
    assert (cases["count_unmapped_statuses"] == 0).all()
    assert (cases["is_promise_kept"] == last["made_sla"]).all()
    (own,) = table(
        marts,
        "from marts.mart_service_levels where metric = 'own_verdict' and period_type = 'all_time' "
        "and priority = 'all' and dimension_value = 'other'",
    ).to_dict("records")
    assert (own["count_met"], own["count_events"]) == (last["made_sla"].sum(), len(last))
    (levels,) = table(
        marts,
        "from marts.mart_service_levels where metric = 'resolution' and period_type = 'all_time' "
        "and priority = 'all' and dimension_value = 'other'",
    ).to_dict("records")
    assert levels["count_stopped"] == minutes.notna().sum()
    assert levels["median_calendar_minutes"] == pytest.approx(minutes.median())
    assert levels["p90_calendar_minutes"] == pytest.approx(minutes.quantile(0.9))
    (again,) = table(
        marts,
        "from marts.mart_service_levels where metric = 'reopened' and period_type = 'all_time' "
        "and priority = 'all' and dimension_value = 'other'",
    ).to_dict("records")
    solved_once = (reopened.sum() > 0) | (last["incident_state"] == "Closed")
    assert again["count_met"] == (reopened.sum() > 0).sum()
    assert again["rate"] == pytest.approx((reopened.sum() > 0).sum() / solved_once.sum())


def test_incidents_spend_in_every_stage_the_time_between_their_rows(
    marts: Marts, log: pd.DataFrame
) -> None:
    stage_of = {
        "New": "registered", "Active": "analysed", "Awaiting User Info": "solution",
        "Resolved": "carried_out", "Closed": "fed_back",
    }  # fmt: skip
    rows = log.assign(stage=log["incident_state"].map(stage_of))
    first = rows.groupby("number").head(1)
    opened = first.assign(sys_updated_at=first["opened_at"], stage="registered")
    rows = pd.concat([opened, rows]).sort_values(["number", "sys_mod_count"], kind="stable")
    changed = rows[rows["stage"] != rows.groupby("number")["stage"].shift()]
    left = changed.groupby("number")["sys_updated_at"].shift(-1)
    taken = (left - changed["sys_updated_at"]).dt.total_seconds() / 60
    groups = changed.assign(taken=taken).groupby(["number", "stage"])
    expected = pd.DataFrame(
        {"entries": groups.size(), "minutes": groups["taken"].sum(min_count=1)}
    ).sort_index()
    found = table(marts, "from marts.mart_case_stages where not is_complaint")
    found = found.set_index(["case_id", "stage"]).sort_index()
    assert found.index.tolist() == expected.index.tolist()
    assert found["count_entries"].tolist() == expected["entries"].tolist()
    assert found["calendar_minutes"].to_numpy(float) == pytest.approx(
        expected["minutes"].to_numpy(float), nan_ok=True
    )


def test_targets_are_those_of_the_priority_when_an_incident_was_solved(
    marts: Marts, log: pd.DataFrame
) -> None:
    """Targets of the shipped settings in business time; the priority was raised on the way."""
    levels = table(
        marts,
        "select priority, count_met + count_not_met as judged, count_running "
        "from marts.mart_service_levels where metric = 'resolution' "
        "and period_type = 'all_time' and dimension_name = 'all'",
    ).set_index("priority")
    last = log.groupby("number").last()
    solved = log.merge(last["resolved_at"].rename("solved_at"), on="number")
    solved = solved[solved["sys_updated_at"] <= solved["solved_at"]].groupby("number").last()
    expected = solved["priority"].map({"2 - High": "high", "3 - Moderate": "normal"}).value_counts()
    assert levels["judged"][["high", "normal"]].to_dict() == expected.to_dict()
    running = last["resolved_at"].isna().sum()
    assert levels["count_running"][["high", "normal"]].sum() == running


def test_complaints_without_customer_and_time_are_counted_and_not_running(
    marts: Marts, files: dict[str, Path]
) -> None:
    days = ["Date received", "Date sent to company"]
    register = pd.read_csv(files["complaints"], parse_dates=days)
    cases = table(marts, "from marts.fct_cases where is_complaint").set_index("case_id")
    register = register.set_index("complaint:" + (register.index + 1).astype(str)).loc[cases.index]
    assert len(cases) == 250
    assert (cases["opened_at"] == register["Date received"]).all()
    assert (cases["category"] == register["Product"]).all()
    assert (cases["reason"] == register["Issue"]).all()
    assert (cases["is_promise_kept"] == (register["Timely response?"] == "Yes")).all()
    in_progress = register["Company response to consumer"] == "In progress"
    assert (cases["is_resolved"] == ~in_progress).all()
    assert (cases.loc[~in_progress, "resolution_outcome"] != "running").all()
    assert cases["resolved_at"].isna().all() and cases["customer_key"].isna().all()
    channels = register["Submitted via"].map(
        {"Web": "web", "Referral": "web", "Phone": "phone", "Postal mail": "post", "Fax": "post"}
    )
    assert (cases["channel"] == channels).all()
    by_product = table(
        marts,
        "select dimension_value, count_candidates from marts.mart_complaint_process where "
        "stage = 'registered' and period_type = 'all_time' and dimension_name = 'category'",
    ).set_index("dimension_value")["count_candidates"]
    for product, count in register["Product"].value_counts().items():
        assert by_product[product] == count
    passed_on = (register["Date sent to company"] - register["Date received"]).dt.days * 1440
    times = table(
        marts,
        "select dimension_value, median_calendar_minutes from marts.mart_complaint_process where "
        "stage = 'registered' and period_type = 'all_time' and dimension_name = 'category'",
    ).set_index("dimension_value")["median_calendar_minutes"]
    assert times[list(register["Product"].unique())].to_dict() == pytest.approx(
        passed_on.groupby(register["Product"]).median().to_dict()
    )
    # The register says that they are closed, and not when: neither when they came there.
    stages = table(marts, "from marts.mart_case_stages where is_complaint and is_current")
    stages = stages.set_index("case_id").loc[register.index]
    assert (stages["stage"] == np.where(in_progress, stages["stage"], "fed_back")).all()
    assert (stages.loc[in_progress, "stage"] != "fed_back").all()
    assert (stages["is_time_unknown"] == ~in_progress).all()
    assert stages.loc[~in_progress, ["first_entered_at", "calendar_minutes"]].isna().all(axis=None)


def test_reviews_are_the_satisfaction_of_those_who_wrote_them(
    marts: Marts, files: dict[str, Path]
) -> None:
    reviews = pd.read_csv(files["reviews"])
    assert (
        marts.execute("select count(*) from marts.fct_survey_responses").fetchone()
        == marts.execute("select count(*) from marts.fct_feedback").fetchone()
        == (len(reviews),)
    )
    assert reviews["unixReviewTime"].isna().any()
    reviews["response_id"] = "review:" + (reviews.index + 1).astype(str)
    reviews = reviews.sort_values(["unixReviewTime", "response_id"], na_position="first")
    undated = reviews["unixReviewTime"].isna()
    # Of answers without a time the first by key stands.
    kept = pd.concat([reviews[undated][::-1], reviews[~undated]])
    latest = kept.groupby("reviewerID")["overall"].last()
    low, high = proportion_confint((latest >= 4).sum(), len(latest), method="wilson")
    (found,) = table(
        marts,
        "from marts.mart_satisfaction where metric = 'csat' and dimension_name = 'all' and "
        "period_type = 'all_time'",
    ).to_dict("records")
    assert found["count_responses"] == len(latest)
    assert found["value"] == pytest.approx((latest >= 4).mean())
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((low, high))
    assert pd.isna(found["response_rate"]), "nobody was asked"
    (dresses,) = table(
        marts,
        "from marts.mart_satisfaction where metric = 'csat' and dimension_value = 'Dresses' and "
        "period_type = 'all_time'",
    ).to_dict("records")
    of_dresses = kept.groupby("reviewerID").last()["Class Name"] == "Dresses"
    assert dresses["mean_score"] == pytest.approx(latest[of_dresses].mean())
    # What has no time counts in no month.
    month = pd.to_datetime(reviews["unixReviewTime"], unit="s").dt.strftime("%Y-%m")
    last = reviews.assign(month=month).dropna(subset="month")
    last = last.groupby(["month", "reviewerID"])["overall"].last().groupby("month")
    by_month = table(
        marts,
        "from marts.mart_satisfaction where metric = 'csat' and dimension_name = 'all' and "
        "period_type = 'month' order by period_month",
    )
    assert by_month["count_responses"].tolist() == last.size().tolist()
    assert by_month["mean_score"].tolist() == pytest.approx(last.mean().tolist())
    assert by_month["value"].tolist() == pytest.approx(
        last.agg(lambda stars: (stars >= 4).mean()).tolist()
    )


def test_contacts_without_year_and_key_are_responses_of_their_campaigns(
    marts: Marts, files: dict[str, Path]
) -> None:
    contacts = pd.read_csv(files["contacts"], sep=";")
    month = pd.to_datetime(contacts["month"], format="%b").dt.month
    year = 2008 + (month < month.shift(fill_value=0)).cumsum()
    expected = (contacts["y"] == "yes").groupby([year, month]).agg(["sum", "size"])
    found = table(marts, "from marts.mart_campaign_performance order by start_date")
    assert len(found) == len(expected) == 24
    assert found["count_responded"].tolist() == expected["sum"].tolist()
    assert found["count_treated"].tolist() == expected["size"].tolist()
    assert (found["verdict"] == "no_control_group").all()
    share = (expected["sum"] / expected["size"]).tolist()
    assert found["response_rate"].tolist() == pytest.approx(share)
    low, high = proportion_confint(expected["sum"], expected["size"], method="wilson")
    assert found["response_rate_low"].tolist() == pytest.approx(low.tolist())
    assert found["response_rate_high"].tolist() == pytest.approx(high.tolist())
    calls = table(
        marts,
        "select occurred_at, duration_seconds from marts.fct_interactions "
        "where interaction_type = 'call' order by all",
    )
    days = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": contacts["day"]}))
    assert calls["occurred_at"].tolist() == sorted(days)
    assert calls["duration_seconds"].sum() == contacts["duration"].sum()


def test_copies_that_leave_out_columns_are_mapped_as_far_as_they_tell(tmp_path: Path) -> None:
    """Reviews without reviewer and day; contacts by month alone, in order and shuffled."""
    reviews, contacts = tmp_path / "reviews.csv", tmp_path / "contacts.csv"
    write(
        reviews,
        ("", "Clothing ID", "Age", "Title", "Review Text", "Rating", "Class Name"),
        [(0, 767, 33, "", "Silky", 4, "Intimates"), (1, 767, 34, "Torn", "At once", 1, "")],
    )
    for months, campaigns in (
        (("may", "jun", "may"), ["term-deposit-2008-05", "term-deposit-2008-06"]),
        (("may", "apr", "mar", "feb"), ["term-deposit-02", "term-deposit-03"]),
    ):
        write(
            contacts,
            ("age", "month", "day_of_week", "duration", "y"),
            [(40, month, "mon", 120, "no") for month in months],
        )
        landing = tmp_path / months[1]
        counts = write_canonical({"reviews": reviews, "contacts": contacts}, landing)
        assert "interactions" not in counts, "nobody knows the day"
        rows = pd.read_csv(landing / f"canonical/campaigns_{EXPORTED_ON}.csv", dtype=str)
        assert rows["campaign_id"].tolist()[:2] == campaigns
        assert rows["start_date"].notna().all() == (len(months) == 3)
    answers = pd.read_csv(landing / f"canonical/survey_responses_{EXPORTED_ON}.csv", dtype=str)
    assert answers["score"].tolist() == ["4.0", "1.0"]
    assert answers["comment"].tolist() == ["Silky", "Torn. At once"]
    assert answers[["customer_id", "responded_at"]].isna().all(axis=None)
    assert counts["products"] == 1
