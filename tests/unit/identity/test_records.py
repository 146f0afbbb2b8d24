"""What records say is brought into one form before they are compared."""

import duckdb

from models.identity.records import write_records

COLUMNS = "record_number, is_organisation, given_name, family_name, name_forms, email"
LEE = "(1, false, 'ruth', 'lee', ['ruth'], 'r@x.example')"


def written(*rows: str) -> list[tuple[object, ...]]:
    """Return given_name, family_name, name_forms, is_guest of the records in order."""
    con = duckdb.connect()
    con.execute(
        f"create table told as select {COLUMNS}, null::varchar as organisation_name "
        f"from (values {', '.join(rows)}) as told ({COLUMNS})"
    )
    write_records(con, "from told", "told_records")
    return con.execute(
        "select given_name, family_name, name_forms, is_guest from told_records "
        "order by record_number"
    ).fetchall()


def test_a_mailbox_names_its_owner_where_both_names_are_known() -> None:
    guest = "(2, false, null, null, null, 'ruth_lee7@x.example')"
    stranger = "(3, false, null, null, null, 'lee.ruth@x.example')"
    firm = "(4, true, null, null, null, 'ruth.lee@x.example')"
    assert written(LEE, guest, stranger, firm)[1:] == [
        ("ruth", "lee", ["ruth"], True),
        (None, None, None, False),
        (None, None, None, False),
    ]
