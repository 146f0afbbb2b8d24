"""Service recovery: the orders compared are those of the files, and the planted effect is found.

The candidates are built a second time with pandas from the exports and the truth about who is who;
what becomes of them is planted (`samples.parameters.Service.recovery_uplift`): a complaint that was
told of and never reopened brings one more order with a chance of 30 %.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from models.service.recovery import Comparison, compare_recovery, strata
from orchestration.lib.company import load_company
from samples import write_exports
from samples.parameters import Parameters, Service
from tests.conftest import AS_OF
from tests.integration.exported import matched_by_tables
from tests.running import PROJECT_ROOT, published

DAYS = load_company(PROJECT_ROOT / "company.yml").service.recovery_days
END = pd.Timestamp(datetime.combine(AS_OF + timedelta(days=1), time()))


def read(folder: Path, name: str) -> pd.DataFrame:
    (file,) = (folder / "canonical").glob(f"{name}_*.csv")
    return pd.read_csv(file, dtype=str)


def candidates(
    folder: Path, key_of: Mapping[str, str], is_late: Mapping[str, bool]
) -> pd.DataFrame:
    """Build the orders that can be compared, one customer after the other.

    is_late: whether the first complaint of a customer broke its promise, by case.
    """
    orders = read(folder, "orders").query("order_status != 'cancelled'")
    orders["customer"] = orders["customer_id"].map(key_of)
    orders["at"] = pd.to_datetime(orders["ordered_at"])
    orders["spend"] = orders["net_revenue"].astype(float) - orders["refund_amount"].fillna(
        "0"
    ).astype(float)
    cases = read(folder, "cases").query("is_complaint == 'true'")
    cases["customer"] = cases["customer_id"].map(key_of)
    cases["at"] = pd.to_datetime(cases["opened_at"])
    events = read(folder, "case_events")
    back = set(events.query("from_value == 'solved' and to_value == 'open'")["case_id"])
    solved_at = events.query("to_value == 'solved'").groupby("case_id")["occurred_at"].max()
    is_answer = (events["event_type"] == "reply") & (events["actor_type"] == "agent")
    is_answer &= events["occurred_at"] >= events["case_id"].map(solved_at)
    told = set(events[is_answer | (events["event_type"] == "feedback")]["case_id"])
    first = cases.sort_values(["at", "case_id"]).groupby("customer").first()

    rows = []
    for customer, own in orders[orders["at"] < END].groupby("customer"):
        own = own.sort_values("at")
        complaint = first.loc[customer] if customer in first.index else None
        about = None
        if complaint is not None:
            before = own[own["at"] <= complaint["at"]]
            named = before[before["order_id"] == complaint["order_id"]]
            about = (named if len(named) else before.tail(1))["order_id"].squeeze()
        at, spend = own["at"].to_numpy(), own["spend"].to_numpy()
        for number, order_id in enumerate(own["order_id"]):
            ends = at[number] + np.timedelta64(DAYS, "D")
            if ends > END or (
                complaint is not None and order_id != about and at[number] >= complaint["at"]
            ):
                continue
            group = "never_complained"
            if complaint is not None and order_id == about:
                case = complaint["case_id"]
                is_well = case in told and case not in back and not is_late[str(case)]
                group = "recovered" if is_well else "unrecovered"
            after = spend[(at > at[number]) & (at <= ends)]
            rows.append(
                {
                    "order_id": order_id,
                    "customer": customer,
                    "group_name": group,
                    "spend_before": spend[at <= at[number]].sum(),
                    "count_purchases": int((at <= at[number]).sum()),
                    "tenure_days": (pd.Timestamp(at[number]).normalize()
                                    - pd.Timestamp(at[0]).normalize()).days,
                    "spend_after": after.sum(),
                    "has_repurchased": after.size > 0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows).set_index("order_id").sort_index()


def test_the_orders_compared_are_those_of_the_files(
    published_home: Path, sample_exports: Path
) -> None:
    with published(published_home) as con:
        key_of = dict(
            con.execute(
                "select source_record_id, customer_key from marts.customer_identities"
            ).fetchall()
        )
        is_late = dict(
            con.execute(
                "select case_id, resolution_outcome != 'met' from marts.fct_cases"
            ).fetchall()
        )
        compared = con.execute("select * from marts.mart_service_recovery").df()
    with duckdb.connect(str(published_home / "warehouse.duckdb"), read_only=True) as con:
        found = con.execute(
            "select orders.order_id, candidates.customer_key as customer, candidates.* exclude "
            "(order_key, customer_key, started_at, satisfaction_after) "
            "from intermediate.int_service__recovery_candidates as candidates "
            "inner join intermediate.int_orders__orders_keyed as orders using (order_key)"
        ).df()
    expected = candidates(sample_exports, key_of, is_late)
    pd.testing.assert_frame_equal(
        found.set_index("order_id").sort_index()[list(expected.columns)],
        expected,
        check_dtype=False,
        check_index_type=False,
    )
    assert set(expected["group_name"]) == {"recovered", "unrecovered", "never_complained"}
    assert len(compared) == 9


def test_what_followed_complaints_is_what_tables_show(published_home: Path) -> None:
    """Every pair of groups and outcome again, classes by ranks and steps of pandas."""
    with published(published_home) as con:
        compared = con.execute("select * from marts.mart_service_recovery").df()
    with duckdb.connect(str(published_home / "warehouse.duckdb"), read_only=True) as con:
        orders = con.execute("from intermediate.int_service__recovery_candidates").df()
    quintile = 5 * (orders["spend_before"].rank(method="min") - 1) // len(orders)
    number = pd.cut(orders["count_purchases"], [0, 1, 2, 4, 8, 10**9], labels=False)
    stratum = quintile * 100 + number * 10 + (orders["tenure_days"] > 365)
    orders = orders.assign(stratum=stratum, customer=orders["customer_key"])
    columns = {
        "spend": "spend_after",
        "repurchase": "has_repurchased",
        "satisfaction": "satisfaction_after",
    }
    for row in compared.to_dict("records"):
        chosen = orders["group_name"].isin([row["compared_group"], row["reference_group"]])
        rows = orders[chosen & orders[columns[row["outcome"]]].notna()]
        expected = matched_by_tables(
            rows.assign(
                value=rows[columns[row["outcome"]]].astype(float),
                is_compared=rows["group_name"] == row["compared_group"],
            )
        )
        names = ("count_matched", "count_reference", "mean_compared", "mean_reference", "effect")
        found = [row[name] for name in (*names, "ci_low", "ci_high")]
        assert found == pytest.approx(list(expected.values()), nan_ok=True)
        assert row["is_significant"] == (expected["low"] > 0 or expected["high"] < 0)
        assert row["horizon_days"] == DAYS
        assert row["is_small_sample"] == (expected["count_compared"] < 30)
        groups = rows[rows["group_name"] == row["reference_group"]].groupby("stratum")
        likes = groups["customer_key"].nunique()
        compared_in = set(rows[rows["group_name"] == row["compared_group"]]["stratum"])
        assert row["count_strata"] == len(compared_in & set(likes.index[likes > 1]))


@pytest.fixture(scope="module", params=[0.3, 0.0], ids=["planted", "nothing planted"])
def planted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[float, list[Comparison]]:
    """The comparison on 5,000 customers whose recovery has this effect, and no other cause."""
    uplift = float(request.param)
    folder = tmp_path_factory.mktemp("recovery") / "landing"
    service = Service(recovery_uplift=uplift, slower_before_dropout=1.0)
    write_exports(
        folder, customers=5000, seed=11, as_of=AS_OF, report=lambda _: None,
        parameters=replace(Parameters(), service=service),
    )  # fmt: skip
    truth = pd.read_csv(folder / "truth/identities.csv", dtype=str)
    key_of = dict(zip(truth["source_record_id"], truth["person_id"], strict=True))
    found = candidates(folder, key_of, dict.fromkeys(read(folder, "cases")["case_id"], False))
    stratum = strata(
        found["spend_before"].to_numpy(dtype=float),
        found["count_purchases"].to_numpy(),
        found["tenure_days"].to_numpy(),
    )
    compared = compare_recovery(
        found["group_name"].to_list(),
        stratum,
        pd.factorize(found["customer"])[0],
        {"repurchase": found["has_repurchased"].to_numpy(dtype=float)},
    )
    return uplift, compared


def test_the_planted_effect_of_recovery_is_found_and_no_other(
    planted: tuple[float, list[Comparison]],
) -> None:
    """Of those who would not have bought again, 30 % do, most of them in time to be counted."""
    uplift, compared = planted
    by_group = {(c.compared_group, c.reference_group): c for c in compared}
    recovered = by_group["recovered", "never_complained"]
    truth = uplift * (1 - recovered.mean_reference)
    assert recovered.count_matched > 200
    assert recovered.ci_low <= truth <= recovered.ci_high
    assert recovered.is_significant == (uplift > 0)
    assert not by_group["unrecovered", "never_complained"].is_significant
