"""What is expected of postal codes: zeros that a spreadsheet dropped are told, nothing else is."""

from pathlib import Path

import duckdb

from expectations.suites import load_suite
from expectations.validate import validate

SUITE = Path(__file__).parents[3] / "expectations/identity/int_customers__profiles.yml"


def test_codes_shorter_than_those_of_their_country_are_told(database: Path) -> None:
    with duckdb.connect(str(database)) as con:
        con.execute("create schema intermediate")
        con.execute(
            "create table intermediate.int_customers__profiles as "
            "select 1 as customer_key, 1 as count_source_records"
        )
        con.execute(
            "create table intermediate.int_customers__customers_unioned as select "
            "'shop' as source_system, 'contacts.csv' as _file_name, 1 as _row_number, "
            "postal_code as customer_id, * from (values "
            "('02162', 'US'), ('2162', 'US'), ('02162-1234', 'US'), ('1067', 'DE'), "
            "('8001', 'CH'), ('999', null), ('SW1A 1AA', 'GB'), ('0150', 'NO'), ('150', 'NO'), "
            "('01310-100', 'BR'), ('1310100', 'BR'), (null, 'US')) as t(postal_code, country_code)"
        )
    (result,) = validate(database, [load_suite(SUITE)])
    assert result.critical.passed
    (failure,) = result.warning.failures
    told = {sample["customer_id"] for sample in failure.samples}
    assert told == {"1310100", "2162", "1067", "150"}
