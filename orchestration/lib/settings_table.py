"""Settings as data (`settings.company` and lists beside it), so that compiled SQL stays the same.

Belongs here: the columns that SQL reads and the as-of day. Does not: the settings themselves
(`company.py`).
"""

from datetime import date
from typing import Any

import duckdb

from orchestration.lib.company import Company, Identity


class NoDateError(ValueError):
    """No file says what day it is."""


def write_settings(
    con: duckdb.DuckDBPyConnection, company: Company, asked_as_of: date | None
) -> date:
    """Write the one row of `settings.company` and the lists, return the as-of day.

    Without a day that was asked for, the as-of day is the last day of any export: the date in a
    file's name, else the newest change inside it. The wall clock is never asked, so that the same
    files give the same marts on any day. Raises NoDateError when no file tells a date.
    """
    as_of = asked_as_of or _last_exported_day(con)
    row: dict[str, tuple[str, Any]] = {
        "as_of_date": ("date", as_of),
        "repeated_order_systems": ("varchar", f",{','.join(company.repeated_order_systems)},"),
        "phone_region": ("varchar", company.phone_region),
        "time_zone": ("varchar", company.time_zone),
        "margin_rate": ("double", company.margin_rate),
        "rfm_window_days": ("integer", company.rfm_window_days),
        "value_tier_core_share": ("double", company.value_tier_core_share),
        "value_tier_growth_rate": ("double", company.value_tier_growth_rate),
        **_identifier_settings(company.identity),
        "trusted_systems": ("varchar", f",{','.join(company.identity.trusted_systems)},"),
        "match_threshold": ("double", company.identity.matching.match_threshold),
        "small_sample_size": ("integer", company.small_sample_size),
        "first_contact_days": ("integer", company.service.first_contact_days),
        "answer_days": ("integer", company.service.answer_days),
        "recovery_days": ("integer", company.service.recovery_days),
        "loyal_purchase_days": ("integer", company.journey.loyal_purchase_days),
        "inactive_days": ("integer", company.journey.inactive_days),
        "annual_discount_rate": ("double", company.annual_discount_rate),
        "subscription_grace_share": ("double", company.subscriptions.grace_share),
        "potential_quantile": ("double", company.customer_value.potential_quantile),
        "referred_anyway_share": ("double", company.customer_value.referred_anyway_share),
        "loyalty_point_value": ("double", company.loyalty_point_value),
        "programme_window_days": ("integer", company.programme_window_days),
        "campaign_window_days": ("integer", company.campaign_window_days),
        "satisfied_from": ("double", company.satisfied_from),
        "loyalty_horizon_days": ("integer", company.loyalty_horizon_days),
        "active_within_days": ("integer", company.active_within_days),
        "loyal_from_orders": ("integer", company.loyal_from_orders),
        **{
            f"loyalty_weight_{name}": ("double", weight)
            for name, weight in company.loyalty_weights.model_dump().items()
        },
        **{f"care_{name}": ("integer", days) for name, days in company.care.model_dump().items()},
        "segment_history_months": ("integer", company.segment_history_months),
        "key_account_count": ("integer", company.key_accounts.count),
        "key_account_period_days": ("integer", company.key_accounts.period_days),
        "key_account_decline_rate": ("double", company.key_accounts.decline_rate),
        **{
            f"key_account_weight_{name}": ("double", weight)
            for name, weight in company.key_accounts.weights.model_dump().items()
        },
        "at_risk_interval_stretch": ("double", company.retention.at_risk_interval_stretch),
        "lost_interval_stretch": ("double", company.retention.lost_interval_stretch),
        "lost_after_days": ("integer", company.retention.lost_after_days),
        "spend_window_days": ("integer", company.retention.spend_window_days),
        "spend_fall_rate": ("double", company.retention.spend_fall_rate),
        "satisfaction_fall_points": ("double", company.retention.satisfaction_fall_points),
    }
    con.execute("create schema if not exists settings")
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in row.items())
    con.execute(f"create or replace table settings.company ({columns})")
    con.execute(
        f"insert into settings.company values ({', '.join('?' for _ in row)})",
        [value for _, value in row.values()],
    )
    con.execute("create or replace table settings.subscription_categories (category varchar)")
    for category in company.subscriptions.categories:
        con.execute("insert into settings.subscription_categories values (?)", [category])
    return as_of


def _identifier_settings(identity: Identity) -> dict[str, tuple[str, Any]]:
    """Return `<kind>_reliability`, `<kind>_limit`, `<kind>_is_unique`, as a kind has them."""
    kinds = {
        "reliability": ("double", "reliability"),
        "limit": ("integer", "limit"),
        "unique": ("boolean", "is_unique"),
    }
    return {
        f"{kind}_{kinds[name][1]}": (kinds[name][0], value)
        for kind in (
            *("external_id", "national_id", "loyalty_number"),
            *("email", "phone", "domain", "name_and_address", "organisation_name"),
        )
        for name, value in getattr(identity, kind)
    }


def _last_exported_day(con: duckdb.DuckDBPyConnection) -> date:
    found = con.execute(
        "select cast(max(exported_at) as date) from audit.input_files "
        "where status = 'loaded' and exported_at_source != 'none'"
    ).fetchone()
    if not found or found[0] is None:
        raise NoDateError(
            "no export file tells its date: put the day into the file or folder name "
            "(orders_2026-11-01.csv), or start the run with --as-of 2026-11-01"
        )
    day: date = found[0]
    return day
