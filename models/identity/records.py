"""The records of all customers as they are compared: one table, made once per build.

Belongs here: what follows from what a record states, or from looking at all of them. Does not:
which statements are to be trusted (`orchestration/lib/matching.py`), comparing (`comparisons`).
"""

import duckdb

# A word of a firm's name tells whose it is where few firms have it in their names.
_LEAST_TELLING = 5  # letters
_FEW_NAMES, _SHARE_OF_NAMES = 5, 0.002
_LEAST_INITIALS = 3
# School 12, Fund II, Day Care North: of firms that are called alike, which one.
_SERIES_WORD = "^([0-9]+|[ivx]{2,}|north|south|east|west|northern|southern|eastern|western)$"
_LINKING_WORDS = "('and', 'of', 'the', 'for', 'de', 'du', 'und', 'et')"


def write_records(con: duckdb.DuckDBPyConnection, stated: str, table: str) -> None:
    """Write a temporary table with a row per record.

    `stated` is SQL that gives the columns record_number, is_organisation, given_name, family_name,
    generation, name_forms (list), organisation_name, birth_date (ISO text), email, email_domain
    (also of mailboxes that many share), web_domain (of organisations), phone, street, city,
    postal_code, national_id; empty is NULL. The table has them, besides email_name, name_words
    (list), telling_words (list: those of its words that few firms have in their names),
    series_words (list), initials and is_guest.

    Guests leave a mailbox and no name: ruth.lee is Ruth Lee where both are known names.
    """
    con.execute(
        f"""
        create or replace temp table {table} as
        select stated.*,
               split_part(email, '@', 1) as email_name,
               string_split(organisation_name, ' ') as name_words,
               list_filter(
                   name_words, lambda word: regexp_matches(word, '{_SERIES_WORD}')
               ) as series_words,
               cast(null as varchar[]) as telling_words,
               cast(null as varchar) as initials,
               false as is_guest
        from ({stated}) as stated
        """
    )
    _describe_names_of_firms(con, table)
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


def _describe_names_of_firms(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Fill what only firms have: telling_words and initials."""
    con.execute(
        f"""
        create or replace temp table names_of_firms as
        with names as (
            select distinct organisation_name, name_words
            from {table} where organisation_name is not null
        ),
        words as (
            select organisation_name, unnest(list_distinct(name_words)) as word from names
        ),
        telling as (
            select word from words where length(word) >= {_LEAST_TELLING}
            group by word
            having count(*) <= greatest(
                {_FEW_NAMES}, {_SHARE_OF_NAMES} * (select count(*) from names)
            )
        )
        select organisation_name, list(word order by word) as telling_words
        from words semi join telling using (word)
        group by organisation_name
        """
    )
    con.execute(
        f"""
        update {table} as records
        set telling_words = names_of_firms.telling_words
        from names_of_firms
        where records.organisation_name = names_of_firms.organisation_name
        """
    )
    con.execute(
        f"""
        update {table} set initials = array_to_string(
            list_transform(
                list_filter(name_words, lambda word: word not in {_LINKING_WORDS}),
                lambda word: word[1]
            ), ''
        )
        where len(name_words) >= {_LEAST_INITIALS}
        """
    )
    con.execute("drop table temp.names_of_firms")
