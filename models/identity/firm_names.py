"""Names of firms that are written otherwise: which two names may mean one firm.

Belongs here: in which way two names of firms are alike, judged by the names alone. Does not: names
without legal form and in one spelling (`names`), who bears them (`names_alone`), likeness by name
and place together (`comparisons`).
"""

import duckdb
import pandas as pd

from models.identity.misprints import LETTERS, MISPRINT, ROMAN, write_misprints

# Ways in which two names mean one firm, the surest first. How many pairs of two firms are alike in
# these ways is counted in decision 0069.
OTHER_ORDER = "the same words in another order"
OTHER_SPACES = "the same letters, parted otherwise"
SHORTENED = "words written short"
# Ways that only a person can judge.
PERHAPS_SHORTENED = "a word written short, or another word"
LONGER = "one name begins the other"
INITIALS = "the initials of the other"
SURE = (OTHER_ORDER, OTHER_SPACES, MISPRINT, SHORTENED)
_ASKED = (LETTERS, PERHAPS_SHORTENED, LONGER, INITIALS)

_LEAST_SHORTENED = 3
_NUMERAL = f"{ROMAN}|[0-9]"  # Fund II and Fund III, Gigcapital7 and Gigcapital8
_NOT_INITIAL = "('and', 'of', 'the', 'for', 'de', 'du', 'und', 'et')"


def alike_names(names: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of names that may mean one firm, and how they are alike.

    `names`: name (as of `names.organisation_name`), once each, and is_asked. Only pairs with a name
    that is asked for come back: name_a < name_b, likeness (one of the texts above, the surest).
    """
    with duckdb.connect() as con:
        con.register("given_names", names)
        con.execute(
            f"""
            create table names as
            select name, is_asked, string_split(name, ' ') as words,
                   list_filter(words, lambda word: word not in {_NOT_INITIAL}) as telling
            from given_names;
            create table words as
            select name, is_asked, position, words[position] as word,
                   array_to_string(
                       list_concat(words[:position - 1], [''], words[position + 1:]), ' '
                   ) as others
            from (select *, unnest(range(1, len(words) + 1)) as position from names)
            """
        )
        write_misprints(con)
        return con.execute(
            f"""
            with keyed as (
                select name, is_asked, '{OTHER_ORDER}' as likeness,
                       array_to_string(list_sort(words), ' ') as key
                from names where len(words) > 1
                union all
                select name, is_asked, '{OTHER_SPACES}', replace(name, ' ', '') from names
                union all
                select name, is_asked, '{SHORTENED}',
                       words[1] || array_to_string(list_transform(words[2:], lambda w: w[1]), ' ')
                from names where len(words) > 1
            ),
            same_key as (
                select one.name as name_a, other.name as name_b, likeness
                from keyed as one inner join keyed as other using (likeness, key)
                where one.name < other.name and (one.is_asked or other.is_asked)
                  and (likeness != '{SHORTENED}' or {_shortened("one.name", "other.name")})
            ),
            -- Raiffeisenbank Bern and Raiffeisenbank Bernhardzell
            shortened_of_a_series as materialized (
                select name_a, name_b, others, word
                from same_key inner join words on name_a = words.name
                where likeness = '{SHORTENED}' and others in (from series)
            ),
            of_a_series as (
                select name_a, name_b
                from shortened_of_a_series as one
                inner join words as other on name_b = other.name and one.others = other.others
                where {_singular("one.word")} != {_singular("other.word")}
            ),
            -- Of the names that begin it, the longest: Acme Paris Nord may be Acme Paris.
            longer as (
                select long_name, name, is_asked
                from (
                    select name as long_name, is_asked as is_long_asked,
                           array_to_string(words[:count_first], ' ') as name, count_first
                    from (select *, unnest(range(1, len(words))) as count_first from names)
                    where not regexp_matches(words[count_first + 1], '{_NUMERAL}')
                )
                inner join names using (name)
                where is_asked or is_long_asked
                qualify row_number() over (partition by long_name order by count_first desc) = 1
            ),
            initials as (
                select name as long_name, is_asked,
                       unnest([
                           array_to_string(list_transform(telling, lambda w: w[1]), ''),
                           array_to_string(list_transform(words, lambda w: w[1]), '')
                       ]) as short_name
                from names where len(telling) > 2
            ),
            askable as (
                select name as name_a, long_name as name_b, '{LONGER}' as likeness from longer
                union all
                select name, long_name, '{INITIALS}'
                from names inner join initials on name = short_name
                where names.is_asked or initials.is_asked
            ),
            found as (
                select name_a, name_b,
                       if(of_a_series.name_a is null, likeness, '{PERHAPS_SHORTENED}') as likeness
                from same_key left join of_a_series using (name_a, name_b)
                union all from misprinted
                union all
                select least(name_a, name_b), greatest(name_a, name_b), likeness from askable
            )
            select name_a, name_b, likeness
            from found
            -- A pair that is alike in two ways is so in the surer one.
            qualify row_number() over (
                partition by name_a, name_b
                order by list_position({[*SURE, *_ASKED]}, likeness)
            ) = 1
            order by name_a, name_b
            """
        ).df()


def _shortened(one: str, other: str) -> str:
    """Return SQL: word for word, one name is the other with words written short."""
    pair = f"list_zip(string_split({one}, ' ')[2:], string_split({other}, ' ')[2:])"
    return (
        f"len(list_filter({pair}, lambda two: two[1] != two[2] "
        f"and not {_is_short_for('two[1]', 'two[2]')} "
        f"and not {_is_short_for('two[2]', 'two[1]')} "
        f"and {_singular('two[1]')} != {_singular('two[2]')})) = 0 "
        f"and length(string_split({one}, ' ')[1]) >= {_LEAST_SHORTENED}"
    )


def _is_short_for(short: str, long: str) -> str:
    """Return SQL: its first letter and others of its letters, in their order: pharma, phrm."""
    return (
        f"(length({short}) >= {_LEAST_SHORTENED} and length({short}) + 2 <= length({long}) "
        f"and not regexp_matches({short}, '{_NUMERAL}') "
        f"and regexp_matches({long}, '^' || regexp_replace({short}, '(.)', '\\1.*', 'g')))"
    )


def _singular(word: str) -> str:
    return f"regexp_replace({word}, '(y|ie|e)?s?$', '')"
