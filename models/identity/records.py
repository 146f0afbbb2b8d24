"""The records of all customers as they are compared: one table, made once per build.

Belongs here: what follows from what a record states, or from looking at all of them. Does not:
which statements are to be trusted (`orchestration/lib/matching.py`), comparing (`comparisons`).
"""

import duckdb


def write_records(con: duckdb.DuckDBPyConnection, stated: str, table: str) -> None:
    """Write a temporary table with a row per record.

    `stated` is SQL that gives the columns record_number, cluster (records that rules have joined
    share it), is_organisation, given_name, family_name, generation, name_forms (list),
    organisation_name, birth_date (ISO text), email, email_domain (also of mailboxes that many
    share), web_domain (of organisations), phone, street, city, postal_code, national_id; empty is
    NULL. The table has them, besides email_name, name_words (list) and is_guest.

    Guests leave a mailbox and no name: ruth.lee is Ruth Lee where both are known names.
    """
    con.execute(
        f"""
        create or replace temp table {table} as
        select stated.*,
               split_part(email, '@', 1) as email_name,
               string_split(organisation_name, ' ') as name_words,
               false as is_guest
        from ({stated}) as stated
        """
    )
    con.execute(
        f"""
        create or replace temp table guests as
        select record_number, split_part(mailbox, ' ', 1) as given_name,
               split_part(mailbox, ' ', 2) as family_name
        from (
            select record_number,
                   regexp_replace(rtrim(email_name, '0123456789'), '[._-]', ' ') as mailbox
            from {table}
            where not is_organisation and given_name is null and family_name is null
        )
        where regexp_full_match(mailbox, '[a-z]+ [a-z]+')
          and split_part(mailbox, ' ', 1) in (select given_name from {table})
          and split_part(mailbox, ' ', 2) in (select family_name from {table})
        """
    )
    con.execute(
        f"""
        update {table} as records
        set given_name = guests.given_name, family_name = guests.family_name,
            name_forms = coalesce(name_forms, [guests.given_name]), is_guest = true
        from guests
        where records.record_number = guests.record_number
        """
    )
    con.execute("drop table temp.guests")
