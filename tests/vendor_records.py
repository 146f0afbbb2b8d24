"""The customer records of the made-up company as its vendors' systems hold them, and their owners.

The same registrations that the sample's exports are written from, without files: what a run would
read, parse and stage before identity sees it. Surveys and ids that systems know of each other are
left out, which makes it harder.
"""

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from samples.company import found_company
from samples.parameters import Parameters
from samples.systems.hubspot import hubspot_system
from samples.systems.landscape import draw_landscape
from samples.systems.salesforce import salesforce_system

REGISTERS = (
    *("shopify", "guests", "salesforce", "leads", "hubspot", "zendesk", "loyalty", "marketing"),
)


def vendor_records(customers: int, seed: int, as_of: date) -> pd.DataFrame:
    """Return one row per record, in the columns of staging, with `owner`: whose it is."""
    company = found_company(customers, seed, np.datetime64(as_of, "D"), Parameters())
    landscape = draw_landscape(company, seed)
    people = [_people(name, getattr(landscape, name).as_table()) for name in REGISTERS]
    organisations = [
        _organisations("salesforce", salesforce_system(landscape).tables["business_accounts"]),
        _organisations("hubspot", hubspot_system(landscape).tables["companies"]),
    ]
    return pd.concat([*people, *organisations], ignore_index=True)


def _people(register: str, records: pa.Table) -> pd.DataFrame:
    return (
        duckdb.sql(
            f"""
            select
                '{register}' as source_system,
                '{register}-' || number as customer_id,
                'P' || person as owner,
                'person' as customer_type,
                given as first_name,
                family as last_name,
                email,
                coalesce(mobile, landline) as phone,
                birth_date,
                street,
                city,
                region,
                postal_code,
                created_at as first_exported_at
            from records
            """
        )
        .df()
        .replace({np.nan: None})
    )


def _organisations(system: str, records: pa.Table) -> pd.DataFrame:
    known = records.column_names
    columns = {
        name: name if name in known else "null"
        for name in ("street", "city", "region", "postal_code", "phone")
    }
    return (
        duckdb.sql(
            f"""
            select
                '{system}' as source_system,
                'organisation-' || row_number() over () as customer_id,
                'O' || organisation as owner,
                'organisation' as customer_type,
                name as company_name,
                {"website" if "website" in known else "domain"} as website,
                {", ".join(f"{value} as {name}" for name, value in columns.items())},
                created_at as first_exported_at
            from records
            """
        )
        .df()
        .replace({np.nan: None})
    )
