"""What is expected of postal codes: zeros that a spreadsheet dropped are told, nothing else is."""

from pathlib import Path

import duckdb
import pytest

from expectations.suites import load_suite
from expectations.validate import validate

STAGING = Path(__file__).parents[3] / "expectations/staging"


@pytest.mark.parametrize("system", ["canonical", "hubspot", "loyalty", "salesforce", "shopify"])
def test_codes_shorter_than_those_of_their_country_are_told(database: Path, system: str) -> None:
    with duckdb.connect(str(database)) as con:
        con.execute(
            f"create table staging.stg_{system}__customers as select "
            "'contacts.csv' as _file_name, 1 as _row_number, postal_code as customer_id, * "
            "from (values ('02162', 'US'), ('2162', 'US'), ('02162-1234', 'US'), ('1067', 'DE'), "
            "('8001', 'CH'), ('999', null), ('SW1A', 'GB'), ('0150', 'NO'), (null, 'US')) "
            "as t(postal_code, country_code)"
        )
    (result,) = validate(database, [load_suite(STAGING / system / f"stg_{system}__customers.yml")])
    (check,) = [c for c in result.checks if c.name == "postal_code_has_five_digits"]
    assert {sample["customer_id"] for sample in check.samples} == {"2162", "1067"}
