"""The published tables by pandas: the other thing that the pipeline is measured against.

Run `python -m tests.benchmarks.bare_pandas LANDING OUT AS_OF`. Same rules, identities, value model
and columns as `bare_duckdb.py`, as Parquet only. It reads no more than the marts need: six of the
sixteen exports. Money is kept in doubles and rounded to the four decimals of the marts after every
sum, so that ties are ties.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import md5
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from models.identity.phone_numbers import to_e164
from tests.benchmarks.bare_duckdb import company, placeholders, scores

PHONE_REGION = "US"
LARGEST_CLUSTER = {"email": 5, "phone": 5, "external_id": 1_000_000}
RULES = {"external_id": 1, "email": 2, "phone": 3}
RULE_NAMES = {1: "external_id", 2: "email", 3: "phone_and_given_name", 4: "single_record"}
RULE_SCORES = {1: 1.0, 2: 0.98, 3: 0.95, 4: 1.0}
Z_95 = 1.959963984540054

Frames = dict[str, pd.DataFrame]


def main(landing: Path, out: Path, as_of: date) -> None:
    """Write the tables of the exports in `landing` to `out`."""
    out.mkdir(parents=True)
    today = pd.Timestamp(as_of)
    staged = stage(landing)
    records = resolve(staged["customers"])
    profiles = survive(staged["customers"], records)
    orders = key_orders(staged["orders"], records, today)
    lines = cost_lines(staged["order_lines"], orders, staged["products"])
    orders = complete_orders(orders, lines)
    responses = key_responses(staged["survey_responses"], records, orders, today)
    sales = orders[orders["is_sale"] & orders["customer_key"].notna()]
    ltv = value(profiles, sales, staged["costs"], records, today)
    segments = segment(ltv, sales, today)
    tables = {
        "customer_identities": identities(records),
        "dim_customers": describe(profiles, sales, lines, responses, segments, ltv, today),
        "dim_products": products(staged["products"], lines),
        "fct_order_lines": lines,
        "fct_orders": orders,
        "fct_survey_responses": responses,
        "mart_customer_ltv": ltv,
        "mart_customer_segments": segments,
        "mart_satisfaction": satisfaction(responses, segments, profiles),
    }
    for name, table in tables.items():
        table.to_parquet(out / f"{name}.parquet", index=False, compression="zstd")


def stage(landing: Path) -> Frames:
    """Read the exports that the marts need, each reduced to the newest row of every key."""
    orders = ["ordered_at", "promised_at", "delivered_at", "updated_at"]
    return {
        "customers": _newest(
            landing, "customers", ["customer_id"], "updated_at",
            times=["created_at", "updated_at", "birth_date"],
        ),
        "orders": _newest(
            landing, "orders", ["order_id"], "updated_at", times=orders,
            numbers=["net_revenue", "discount_amount", "tax_amount", "shipping_amount",
                     "refund_amount"],
        ),
        "order_lines": _newest(
            landing, "order_lines", ["order_id", "line_number"], None,
            numbers=["line_number", "quantity", "unit_price", "list_price", "net_revenue",
                     "unit_cost"],
        ),
        "products": _newest(
            landing, "products", ["product_id"], None, numbers=["list_price", "unit_cost"]
        ),
        "survey_responses": _newest(
            landing, "survey_responses", ["response_id", "dimension"], "responded_at",
            times=["invited_at", "responded_at"], numbers=["score", "scale_min", "scale_max"],
        ),
        "costs": _newest(
            landing, "costs", ["cost_id"], "incurred_on", times=["incurred_on"], numbers=["amount"]
        ),
    }  # fmt: skip


def _newest(
    landing: Path,
    name: str,
    key: list[str],
    watermark: str | None,
    times: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> pd.DataFrame:
    files = sorted(landing.glob(f"{name}_*.csv"))
    header = pd.read_csv(files[0], nrows=0).columns
    text = [column for column in header if column not in (*times, *numbers)]
    rows = pd.concat(
        [
            pd.read_csv(
                file,
                engine="pyarrow",
                dtype=dict.fromkeys(text, "str") | dict.fromkeys(numbers, "float64"),
                parse_dates=list(times),
                keep_default_na=False,
                na_values=[""],
            ).assign(file=number)
            for number, file in enumerate(files)
        ],
        ignore_index=True,
    )
    for column in text:
        stripped = rows[column].str.strip()
        rows[column] = stripped.mask(stripped == "")
    if rows.duplicated(key).any():
        order = ["file"] if watermark is None else ["file", watermark]
        rows = rows.sort_values(order, na_position="first").drop_duplicates(key, keep="last")
    rows = rows[rows["is_deleted"].ne("true")]
    return rows.drop(columns=["is_deleted"]).reset_index(drop=True)


def resolve(customers: pd.DataFrame) -> pd.DataFrame:
    """Number the records and give each the key of the person it belongs to."""
    records = customers.sort_values(["file", "customer_id"], ignore_index=True)[
        ["customer_id", "email", "phone", "first_name", "full_name", "external_ids"]
    ]
    records["record_number"] = records.index
    records["email_normalised"] = _mailboxes(records["email"])
    phones = records["phone"].dropna().unique()
    known = {phone: to_e164(phone, PHONE_REGION) for phone in phones}
    records["phone_e164"] = records["phone"].map(known).astype("str")
    given_name = records["first_name"].fillna(records["full_name"].str.split(" ").str[0])

    mentioned = records[["record_number", "external_ids"]].dropna()
    mentioned = mentioned.assign(value=mentioned["external_ids"].str.split(";")).explode("value")
    mentioned = mentioned.assign(value=mentioned["value"].str.strip())
    own_id = "canonical:" + records["customer_id"]
    stated = pd.concat(
        [
            _statements("external_id", mentioned["record_number"], mentioned["value"]),
            _statements("external_id", records["record_number"], own_id)[
                lambda known: known["value"].isin(mentioned["value"])
            ],
            _statements("email", records["record_number"], records["email_normalised"]),
            _statements(
                "phone",
                records["record_number"],
                records["phone_e164"] + "|" + given_name.str.strip().str.lower(),
            ),
        ]
    ).drop_duplicates()
    listed = placeholders()
    mailboxes = listed.loc[listed["identifier_kind"] == "email_local", "value"]
    shared_mailbox = (stated["kind"] == "email") & stated["value"].str.split("@").str[0].isin(
        mailboxes
    )
    placeholder = pd.MultiIndex.from_frame(stated[["kind", "value"]]).isin(
        pd.MultiIndex.from_frame(listed[["identifier_kind", "value"]])
    )
    stated = stated[~shared_mailbox & ~placeholder]
    by_value = stated.groupby(["kind", "value"])["record_number"]
    count = by_value.transform("size")
    links = stated.assign(first=by_value.transform("min"))[
        (count > 1) & (count <= stated["kind"].map(LARGEST_CLUSTER))
    ]

    size = len(records)
    graph = coo_matrix(
        (np.ones(len(links)), (links["first"].to_numpy(), links["record_number"].to_numpy())),
        shape=(size, size),
    )
    _, component = connected_components(graph, directed=False)
    senior = records.groupby(component)["record_number"].transform("min").to_numpy()
    keys = _hashed("canonical|customers|" + records["customer_id"])
    records["customer_key"] = keys.to_numpy()[senior]
    rule = links["kind"].map(RULES).groupby(links["record_number"]).min()
    records["rule"] = records["record_number"].map(rule).fillna(4).astype(int)
    return records[
        ["record_number", "customer_id", "customer_key", "email_normalised", "phone_e164", "rule"]
    ]


def _mailboxes(email: pd.Series) -> pd.Series:
    address = email.str.strip().str.lower()
    valid = address.str.match(r"^[.]*[^@ .+][^@ ]*@[^@ ]+[.][^@ .]+$").fillna(False).astype(bool)
    parts = address.where(valid).str.split("@", n=1)
    local = parts.str[0].str.split("+").str[0]
    domain = parts.str[1]
    google = domain.isin(["gmail.com", "googlemail.com"])
    local = local.mask(google, local.str.replace(".", "", regex=False))
    return (local + "@" + domain.mask(google, "gmail.com")).astype("str")


def _statements(kind: str, record_number: pd.Series, value: pd.Series) -> pd.DataFrame:
    stated = pd.DataFrame({"record_number": record_number, "value": value}).dropna()
    return stated[stated["value"] != ""].assign(kind=kind)


def _hashed(text: pd.Series) -> pd.Series:
    return text.map(lambda value: md5(value.encode()).hexdigest(), na_action="ignore").astype("str")


def identities(records: pd.DataFrame) -> pd.DataFrame:
    """Give every source record the customer it belongs to."""
    return pd.DataFrame(
        {
            "source_system": "canonical",
            "source_object": "customers",
            "source_record_id": records["customer_id"],
            "customer_key": records["customer_key"],
            "link_rule": records["rule"].map(RULE_NAMES),
            "link_score": records["rule"].map(RULE_SCORES),
            "count_customer_records": records.groupby("customer_key")["rule"].transform("size"),
        }
    )


def survive(customers: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Take each attribute from the record changed last that states it."""
    merged = customers.drop(columns=["email", "phone"]).merge(records, on="customer_id")
    merged = merged.rename(columns={"email_normalised": "email", "phone_e164": "phone"})
    merged["changed_at"] = merged["updated_at"].fillna(merged["created_at"])
    newest_last = merged.sort_values(["changed_at", "record_number"], ascending=[True, False])
    # last() skips what is not stated
    profiles = newest_last.groupby("customer_key")[
        ["customer_type", "first_name", "last_name", "full_name", "company_name", "email", "phone",
         "birth_date", "gender", "street", "city", "region", "postal_code", "country_code",
         "preferred_channel"]
    ].last()  # fmt: skip
    oldest_first = merged.sort_values(["created_at", "record_number"]).groupby("customer_key")
    acquisition = oldest_first[["acquisition_channel", "acquisition_campaign_id"]].first()
    profiles = profiles.join(acquisition)
    profiles["first_created_at"] = oldest_first["created_at"].min()
    profiles["count_source_records"] = oldest_first.size()
    return profiles.reset_index()


def key_orders(orders: pd.DataFrame, records: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """Give every order up to the as-of day its customer."""
    keyed = orders[orders["ordered_at"] < today + pd.Timedelta(days=1)].merge(
        records[["customer_id", "customer_key"]], on="customer_id", how="left"
    )
    keyed["order_key"] = _hashed("canonical|" + keyed["order_id"])
    keyed["source_system"] = "canonical"
    keyed["order_status"] = keyed["order_status"].fillna("placed")
    keyed["is_sale"] = keyed["order_status"] != "cancelled"
    keyed["refund_amount"] = keyed["refund_amount"].fillna(0.0)
    return keyed.drop(columns=["customer_id", "updated_at", "file"])


def cost_lines(
    order_lines: pd.DataFrame, orders: pd.DataFrame, catalogue: pd.DataFrame
) -> pd.DataFrame:
    """Give every order line its margin, product and customer."""
    header = ["order_id", "order_key", "customer_key", "ordered_at", "is_sale", "currency_code"]
    costs = catalogue[["product_id", "category", "unit_cost"]].rename(
        columns={"category": "product_category", "unit_cost": "catalogue_cost"}
    )
    lines = order_lines.merge(orders[header], on="order_id").merge(
        costs, on="product_id", how="left"
    )
    cost = lines["unit_cost"].fillna(lines["catalogue_cost"])
    lines["margin_amount"] = (
        (lines["net_revenue"] - lines["quantity"] * cost)
        .fillna(lines["net_revenue"] * company()["margin_rate"])
        .round(4)
    )
    known = pd.Series(lines["product_id"].dropna().unique())
    lines["product_key"] = lines["product_id"].map(
        dict(zip(known, _hashed("canonical|" + known), strict=True))
    )
    lines["source_system"] = "canonical"
    return lines.drop(columns=["file", "unit_cost", "catalogue_cost"])


def complete_orders(orders: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Add what the lines say and the order's place in the customer's sequence."""
    totals = lines.groupby("order_id").agg(
        count_lines=("line_number", "size"),
        units=("quantity", "sum"),
        margin_amount=("margin_amount", "sum"),
    )
    orders = orders.merge(totals.round(4), on="order_id", how="left")
    orders["margin_amount"] = orders["margin_amount"].fillna(
        (orders["net_revenue"] * company()["margin_rate"]).round(4)
    )
    orders[["count_lines", "units"]] = orders[["count_lines", "units"]].fillna(0)
    sales = orders[orders["is_sale"] & orders["customer_key"].notna()].sort_values(
        ["customer_key", "ordered_at", "order_key"]
    )
    sequence = sales.groupby("customer_key")["ordered_at"]
    orders["order_sequence_number"] = sequence.cumcount() + 1
    orders["days_since_previous_order"] = (
        _day(orders["ordered_at"]) - _day(sequence.shift())
    ).dt.days
    orders["delivery_delay_days"] = (
        _day(orders["delivered_at"]) - _day(orders["promised_at"])
    ).dt.days
    return orders


def _day(time: pd.Series) -> pd.Series:
    day: pd.Series = time.dt.normalize()
    return day


def products(catalogue: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """List the products, also those that were sold and never exported."""
    sold = lines.dropna(subset=["product_id"])
    sales = sold[["quantity", "net_revenue"]].where(sold["is_sale"], 0.0)
    totals = sales.groupby(sold["product_id"]).sum().round(4)
    table = catalogue.drop(columns=["file"]).merge(
        totals.reset_index(), on="product_id", how="outer", indicator=True
    )
    table["product_key"] = _hashed("canonical|" + table["product_id"])
    table["source_system"] = "canonical"
    table["is_catalogued"] = table["_merge"] != "right_only"
    table["units_sold"] = table["quantity"].fillna(0.0)
    table["net_revenue"] = table["net_revenue"].fillna(0.0)
    return table.rename(columns={"category": "product_category"}).drop(
        columns=["quantity", "_merge"]
    )


def key_responses(
    answers: pd.DataFrame, records: pd.DataFrame, orders: pd.DataFrame, today: pd.Timestamp
) -> pd.DataFrame:
    """Give every answer its customer, order and score on 0-100."""
    answers = answers[answers["score"].notna()].drop(columns=["file", "case_id"])
    answers["responded_at"] = answers["responded_at"].fillna(answers["invited_at"])
    answers = answers[~(answers["responded_at"] >= today + pd.Timedelta(days=1))]
    responses = answers.merge(
        records[["customer_id", "customer_key"]], on="customer_id", how="left"
    ).merge(
        orders[["order_id", "order_key", "channel"]].rename(columns={"channel": "order_channel"}),
        on="order_id",
        how="left",
    )
    span = responses["scale_max"] - responses["scale_min"]
    responses["score_0_100"] = (
        100 * (responses["score"] - responses["scale_min"]) / span.where(span != 0)
    )
    ordered = responses.sort_values("order_id")
    responses["is_counted"] = ~ordered.duplicated(["response_id", "dimension"])
    responses["source_system"] = "canonical"
    return responses.drop(columns=["customer_id"])


def value(
    profiles: pd.DataFrame,
    sales: pd.DataFrame,
    costs: pd.DataFrame,
    records: pd.DataFrame,
    today: pd.Timestamp,
) -> pd.DataFrame:
    """Add up what every customer brought and predict what he will."""
    ltv = profiles[["customer_key"]].merge(
        _totals(sales, {"net_revenue", "margin_amount", "refund_amount"}),
        on="customer_key",
        how="left",
    )
    service = costs[(costs["cost_type"] == "service") & (costs["incurred_on"] <= today)]
    served = service.merge(records[["customer_id", "customer_key"]], on="customer_id")
    ltv["cost_to_serve"] = ltv["customer_key"].map(
        served.groupby("customer_key")["amount"].sum().round(4)
    )
    money = ["count_orders", "net_revenue", "margin_amount", "refund_amount", "cost_to_serve"]
    ltv[money] = ltv[money].fillna(0.0)
    ltv["historic_value"] = (
        ltv["margin_amount"] - ltv["refund_amount"] - ltv["cost_to_serve"]
    ).round(4)
    earned = ltv["net_revenue"] > 0
    ltv["margin_rate"] = (
        (ltv["margin_amount"] / ltv["net_revenue"].where(earned))
        .clip(lower=0)
        .fillna(company()["margin_rate"])
    )
    ltv = ltv.merge(scores(_histories(sales, today)), on="customer_key", how="left")
    for name in ("90d", "365d", "365d_low", "365d_high"):
        ltv[f"predicted_value_{name}"] = ltv.pop(f"predicted_revenue_{name}") * ltv["margin_rate"]
    ltv["model_name"] = ltv["model_name"].fillna("none")
    ltv["model_status"] = ltv["model_status"].fillna("no_purchase")
    return ltv


def _totals(sales: pd.DataFrame, columns: set[str]) -> pd.DataFrame:
    by_customer = sales.groupby("customer_key")
    totals = by_customer[sorted(columns)].sum().round(4)
    totals["count_orders"] = by_customer.size()
    return totals.reset_index()


def _histories(sales: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    spend = sales["net_revenue"] - sales["refund_amount"]
    days = (
        spend.groupby([sales["customer_key"], _day(sales["ordered_at"]).rename("day")])
        .sum()
        .rename("spend")
        .reset_index()
    )
    by_customer = days.groupby("customer_key")["day"]
    first, size = by_customer.transform("min"), by_customer.transform("size")
    modelled = days[(days["day"] > first) | (size == 1)].groupby("customer_key")["spend"]
    summary = by_customer.agg(["min", "max", "size"]).reset_index()
    return pd.DataFrame(
        {
            "customer_key": summary["customer_key"],
            "repeats": summary["size"] - 1,
            "recency_days": (summary["max"] - summary["min"]).dt.days,
            "age_days": (today - summary["min"]).dt.days,
            "mean_spend": (modelled.sum().round(4) / modelled.size()).to_numpy(),
        }
    )


def segment(ltv: pd.DataFrame, sales: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """Score recency, frequency and money by value and name the segment, tier and class."""
    settings = company()
    spend = sales["net_revenue"] - sales["refund_amount"]
    age = today - _day(sales["ordered_at"])
    year, two_years = pd.Timedelta(days=365), pd.Timedelta(days=730)
    key = sales["customer_key"]
    last = _day(sales["ordered_at"]).groupby(key).max()
    buyers = pd.DataFrame(
        {
            "last_order_date": last,
            "recency_days": (today - last).dt.days,
            "frequency": key.groupby(key).size(),
            "monetary": spend.groupby(key).sum().round(4),
            "this_year": spend.where(age < year, 0.0).groupby(key).sum().round(4),
            "year_before": spend.where((age >= year) & (age < two_years), 0.0)
            .groupby(key)
            .sum()
            .round(4),
        }
    )
    for name, column in {
        "recency_score": "last_order_date",
        "frequency_score": "frequency",
        "monetary_score": "monetary",
    }.items():
        rank = buyers[column].rank(method="min")
        buyers[name] = np.floor(5.0 * (rank - 1) / len(buyers)) + 1

    table = ltv[["customer_key", "margin_amount", "predicted_value_365d", "count_orders"]].merge(
        buyers.reset_index(), on="customer_key", how="left"
    )
    table["is_buyer"] = table.pop("count_orders") > 0
    table[["frequency", "monetary"]] = table[["frequency", "monetary"]].fillna(0)
    is_buyer, margin = table["is_buyer"], table["margin_amount"]

    r, fm = table["recency_score"], (table["frequency_score"] + table["monetary_score"]) / 2
    table["segment_name"] = np.select(
        [
            ~is_buyer,
            (r >= 4) & (fm >= 4),
            (r >= 3) & (fm >= 3.5),
            (r <= 2) & (fm >= 4),
            (r <= 2) & (fm >= 2.5),
            (r >= 4) & (fm >= 2),
            r == 5,
            r == 4,
            (r == 3) & (fm >= 2.5),
            r == 3,
            r == 2,
        ],
        [
            "Prospect",
            "Champions",
            "Loyal",
            "Can't Lose",
            "At Risk",
            "Potential Loyalist",
            "New",
            "Promising",
            "Need Attention",
            "About To Sleep",
            "Hibernating",
        ],
        "Lost",
    )
    kind = table.groupby("is_buyer")
    most = np.ceil(kind["margin_amount"].transform("size") * settings["value_tier_core_share"])
    margin_rank = kind["margin_amount"].rank(method="min", ascending=False)
    predicted = table["predicted_value_365d"]
    predicted_rank = kind["predicted_value_365d"].rank(
        method="min", ascending=False, na_option="bottom"
    )
    growth = 1 + settings["value_tier_growth_rate"]
    table["value_tier"] = np.select(
        [
            ~is_buyer,
            (margin > 0) & (margin_rank <= most),
            (table["year_before"] > 0) & (table["this_year"] >= table["year_before"] * growth),
            (predicted > 0) & (predicted_rank <= most),
        ],
        ["prospect", "core", "potential", "potential"],
        "ordinary",
    )
    by_margin = margin.clip(lower=0).groupby(margin).sum().sort_index(ascending=False)
    better = margin.map(by_margin.cumsum().shift(fill_value=0.0)).round(4)
    total = round(float(by_margin.sum()), 4)
    table["margin_share_of_better"] = better / total if total > 0 else np.nan
    table["abc_class"] = np.select(
        [~is_buyer, margin <= 0, better < 0.80 * total, better < 0.95 * total],
        ["", "C", "A", "B"],
        "C",
    )
    table["abc_class"] = table["abc_class"].where(is_buyer)
    return table.drop(columns=["predicted_value_365d", "this_year", "year_before"])


def describe(
    profiles: pd.DataFrame,
    sales: pd.DataFrame,
    lines: pd.DataFrame,
    responses: pd.DataFrame,
    segments: pd.DataFrame,
    ltv: pd.DataFrame,
    today: pd.Timestamp,
) -> pd.DataFrame:
    """Put everything known about a customer on one row."""
    key = sales["customer_key"]
    recent = today - _day(sales["ordered_at"]) < pd.Timedelta(days=365)
    by_customer = sales.groupby("customer_key")
    totals = pd.DataFrame(
        {
            "first_ordered_at": by_customer["ordered_at"].min(),
            "last_ordered_at": by_customer["ordered_at"].max(),
            "count_orders": by_customer.size(),
            "purchase_days": _day(sales["ordered_at"]).groupby(key).nunique(),
            "count_orders_365d": recent.groupby(key).sum(),
            "net_revenue": by_customer["net_revenue"].sum().round(4),
            "net_revenue_365d": sales["net_revenue"].where(recent, 0.0).groupby(key).sum().round(4),
            "refund_amount": by_customer["refund_amount"].sum().round(4),
            "discount_amount": by_customer["discount_amount"].sum().round(4),
            "largest_order_revenue": by_customer["net_revenue"].max(),
            "late": (sales["delivery_delay_days"] > 0).groupby(key).sum(),
            "deliveries": by_customer["delivery_delay_days"].count(),
            "count_order_channels": by_customer["channel"].nunique(),
        }
    )
    channels = sales.groupby(["customer_key", "channel"]).size().rename("n").reset_index()
    bought = lines[lines["is_sale"] & lines["customer_key"].notna()]
    categories = (
        bought.groupby(["customer_key", "product_category"])["net_revenue"]
        .sum()
        .round(4)
        .rename("n")
        .reset_index()
    )
    totals["favourite_channel"] = _largest(channels, "channel")
    totals["favourite_category"] = _largest(categories, "product_category")
    totals["count_product_categories"] = categories.groupby("customer_key").size()

    counted = responses[responses["customer_key"].notna() & responses["is_counted"]].sort_values(
        ["responded_at", "response_id", "dimension"], na_position="first"
    )
    overall = counted[counted["dimension"] == "overall"]
    is_nps = overall["survey_type"] == "nps"
    given = counted.groupby("customer_key")
    answers = pd.DataFrame(
        {
            "count_survey_responses": given["response_id"].nunique(),
            "last_responded_at": given["responded_at"].max(),
            "last_nps_score": overall[is_nps].groupby("customer_key")["score"].last(),
            "last_satisfaction_score": overall[~is_nps]
            .groupby("customer_key")["score_0_100"]
            .last(),
        }
    )
    table = (
        profiles.merge(totals.reset_index(), on="customer_key", how="left")
        .merge(answers.reset_index(), on="customer_key", how="left")
        .merge(
            segments[["customer_key", "segment_name", "value_tier", "abc_class"]], on="customer_key"
        )
        .merge(
            ltv[["customer_key", "historic_value", "predicted_value_365d", "probability_alive"]],
            on="customer_key",
        )
    )
    table["count_source_systems"] = 1
    table["customer_type"] = table["customer_type"].fillna("person")
    name = (table["first_name"].fillna("") + " " + table["last_name"].fillna("")).str.strip()
    table["customer_name"] = (
        table["full_name"].fillna(name.mask(name == "")).fillna(table["company_name"])
    )
    born = table["birth_date"].dt
    birthday_ahead = born.month * 100 + born.day > today.month * 100 + today.day
    table["age_years"] = today.year - born.year - birthday_ahead.astype(int)
    first, last = _day(table["first_ordered_at"]), _day(table["last_ordered_at"])
    table["tenure_days"] = (today - first).dt.days
    table["days_since_last_order"] = (today - last).dt.days
    gaps = table["purchase_days"] - 1
    table["mean_days_between_purchases"] = (last - first).dt.days / gaps.where(gaps > 0)
    table["is_repeat_customer"] = table["count_orders"].fillna(0) > 1
    table["mean_order_revenue"] = table["net_revenue"] / table["count_orders"]
    table["late_delivery_rate"] = table["late"] / table["deliveries"].where(table["deliveries"] > 0)
    zero = ["count_orders", "count_orders_365d", "net_revenue", "net_revenue_365d",
            "refund_amount", "discount_amount", "count_product_categories",
            "count_order_channels", "count_survey_responses"]  # fmt: skip
    table[zero] = table[zero].fillna(0)
    score = table["last_nps_score"]
    table["nps_category"] = np.select(
        [score >= 9, score >= 7, score.notna()], ["promoter", "passive", "detractor"], ""
    )
    table["nps_category"] = table["nps_category"].where(score.notna())
    return table.drop(columns=["full_name", "purchase_days", "late", "deliveries"])


def _largest(counts: pd.DataFrame, column: str) -> pd.Series:
    ordered = counts.sort_values(["customer_key", "n", column], ascending=[True, False, True])
    return ordered.drop_duplicates("customer_key").set_index("customer_key")[column]


def satisfaction(
    responses: pd.DataFrame, segments: pd.DataFrame, profiles: pd.DataFrame
) -> pd.DataFrame:
    """Count NPS, CSAT, CES and the score on 0-100 by month and cut, with 95 % intervals."""
    answers = (
        responses[responses["is_counted"] & responses["responded_at"].notna()]
        .merge(
            segments[["customer_key", "segment_name", "value_tier"]], on="customer_key", how="left"
        )
        .merge(profiles[["customer_key", "region"]], on="customer_key", how="left")
    )
    low, high = answers["scale_min"], answers["scale_max"]
    kind = answers["survey_type"]
    scale_metric = np.select(
        [
            kind == "nps",
            (kind == "ces") & (low == 1) & (high == 7),
            (kind != "ces") & (low == 1) & (high == 5),
        ],
        ["nps", "ces", "csat"],
        "",
    )
    answers["respondent"] = answers["customer_key"].fillna("canonical:" + answers["response_id"])
    answers["month"] = answers["responded_at"].dt.to_period("M").dt.to_timestamp()
    # Four decimals as whole numbers: their sums are exact, as those of decimals are.
    answers["tenths"] = (answers["score_0_100"] * 10_000).round().astype("int64")
    measured = pd.concat(
        [
            answers.assign(metric=scale_metric)[scale_metric != ""],
            answers[scale_metric != "nps"].assign(metric="satisfaction_score"),
        ]
    ).sort_values(["responded_at", "response_id"], ascending=[True, False])
    once = ["metric", "dimension", "respondent"]
    by_month = measured.drop_duplicates([*once, "month"], keep="last")
    all_time = measured.drop_duplicates(once, keep="last")
    windows = pd.concat(
        [
            by_month.assign(period_type="month", period_month=by_month["month"]),
            all_time.assign(period_type="all_time", period_month=pd.NaT),
        ]
    )
    windows = windows.assign(
        nine_or_more=windows["score"] >= 9,
        six_or_less=windows["score"] <= 6,
        top_two=windows["score"] >= 4,
        five_or_more=windows["score"] >= 5,
        squares=windows["tenths"] ** 2,
    )
    overall = windows[windows["dimension"] == "overall"]
    cuts: Mapping[str, tuple[pd.DataFrame, str | None]] = {
        "all": (overall, None),
        "survey_type": (overall, "survey_type"),
        "channel": (overall, "channel"),
        "segment_name": (overall, "segment_name"),
        "value_tier": (overall, "value_tier"),
        "region": (overall, "region"),
        "survey_dimension": (windows, "dimension"),
    }
    counted = pd.concat([_cut(frame, name, column) for name, (frame, column) in cuts.items()])
    return _valued(counted.reset_index(drop=True))


def _cut(windows: pd.DataFrame, name: str, column: str | None) -> pd.DataFrame:
    dimension_value = "all" if column is None else windows[column].fillna("unknown")
    return (
        windows.assign(dimension_name=name, dimension_value=dimension_value)
        .groupby(
            ["metric", "period_type", "period_month", "dimension_name", "dimension_value"],
            dropna=False,
        )
        .agg(
            n=("score", "size"),
            nine_or_more=("nine_or_more", "sum"),
            six_or_less=("six_or_less", "sum"),
            top_two=("top_two", "sum"),
            five_or_more=("five_or_more", "sum"),
            sum_score=("score", "sum"),
            tenths=("tenths", "sum"),
            squares=("squares", "sum"),
        )
        .reset_index()
    )


def _valued(table: pd.DataFrame) -> pd.DataFrame:
    n, metric = table.pop("n"), table["metric"]
    is_nps, is_csat, is_ces = metric == "nps", metric == "csat", metric == "ces"
    nine, six = table.pop("nine_or_more"), table.pop("six_or_less")
    top, five = table.pop("top_two"), table.pop("five_or_more")
    hits = np.select([is_nps, is_csat, is_ces], [nine, top, five], np.nan)
    misses = np.select([is_nps, is_csat, is_ces], [six, n - top, n - five], np.nan)
    total, squares = table.pop("tenths") / 1e4, table.pop("squares") / 1e8
    mean = total / n
    spread = np.maximum(squares - total * total / n, 0) / (n - 1).where(n > 1) / n
    half = Z_95 * np.sqrt(spread)

    share, difference = hits / n, (hits - misses) / (n + 3)
    centre, scale = share + Z_95**2 / (2 * n), 1 + Z_95**2 / n
    wilson = Z_95 * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n * n))
    wald = Z_95 * np.sqrt(((hits + misses + 1.5) / (n + 3) - difference**2) / (n + 3))
    is_share = is_csat | is_ces
    table["value"] = np.select([is_nps, is_share], [100.0 * (hits - misses) / n, share], mean)
    for name, sign in {"ci_low": -1, "ci_high": 1}.items():
        table[name] = np.select(
            [is_nps, is_share],
            [
                (100 * (difference + sign * wald)).clip(-100, 100),
                (centre + sign * wilson) / scale,
            ],
            # without a spread the bound of the scale, as greatest() and least() give it
            (mean + sign * half).clip(0, 100).fillna(0.0 if sign < 0 else 100.0),
        )
    table["unit"] = np.select([is_nps, is_share], ["points", "rate"], "score_0_100")
    table["count_responses"] = n
    table["count_favourable"] = hits
    table["count_neutral"] = n - hits - misses
    table["count_unfavourable"] = misses
    table["mean_score"] = table.pop("sum_score") / n
    table["is_small_sample"] = n < company()["small_sample_size"]
    return table


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), date.fromisoformat(sys.argv[3]))
