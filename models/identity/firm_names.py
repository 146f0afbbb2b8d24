"""Names of firms that are written otherwise: which two names may mean one firm.

Belongs here: in which way two names of firms are alike, judged by the names alone. Does not: names
without legal form and in one spelling (`names`), who bears them (`names_alone`), likeness by name
and place together (`comparisons`).
"""

import duckdb
import pandas as pd

# Ways in which two names mean one firm, the surest first. Of 7,986 names of firms listed in the
# United States 0, 0, 2 and 0 pairs of two firms are alike in these ways.
OTHER_ORDER = "the same words in another order"
OTHER_SPACES = "the same letters, parted otherwise"
MISPRINT = "one letter of a rare word differs"
SHORTENED = "words written short"
# Ways that only a person can judge.
ONE_LETTER = "one letter differs"
LONGER = "one name begins the other"
INITIALS = "the initials of the other"
SURE = (OTHER_ORDER, OTHER_SPACES, MISPRINT, SHORTENED)

# A misprint makes a word of five letters or more that is found in no other name, and seldom in the
# first letter. Names of one word are coined: Semtech, Stemtech; Corvel, Corvex.
_LEAST_MISPRINTED = 5
_LEAST_MISPRINTED_ALONE = 8
_LEAST_SHORTENED = 3
_ROMAN = "^[ivx]+$"
_NUMERAL = f"{_ROMAN}|[0-9]"  # Fund II and Fund III, Gigcapital7 and Gigcapital8
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
                   len(words) as count_words,
                   -- The name without this word.
                   list_concat(words[:position - 1], [''], words[position + 1:]) as others
            from (select *, unnest(range(1, len(words) + 1)) as position from names);
            create table frequencies as
            select word, count(distinct name) as count_names from words group by word
            """
        )
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
            -- Two words are one letter apart when they meet after one letter is left out.
            spellings as (
                select words.name, is_asked, word, others, count_words, count_names,
                       unnest(list_distinct(list_transform(
                           range(0, length(word) + 1),
                           lambda spot: word[:spot] || word[spot + 2:]
                       ))) as spelling
                from words inner join frequencies using (word)
                where length(word) >= {_LEAST_MISPRINTED}
                  and not regexp_matches(word, '{_ROMAN}')
                  and (is_asked or others in (select others from words where is_asked))
            ),
            misprints as (
                select distinct -- they may meet in several ways
                    one.name as name_a, other.name as name_b,
                    case
                        when left(one.word, 1) = left(other.word, 1)
                            and least(one.count_names, other.count_names) = 1
                            and (one.count_words > 1 or least(length(one.word), length(other.word))
                                >= {_LEAST_MISPRINTED_ALONE})
                            then '{MISPRINT}'
                        else '{ONE_LETTER}'
                    end as likeness
                from spellings as one
                inner join spellings as other using (others, spelling)
                where one.name < other.name and (one.is_asked or other.is_asked)
                  and damerau_levenshtein(one.word, other.word) = 1
                  and not (regexp_matches(one.word, '[0-9]')
                           and regexp_matches(other.word, '[0-9]'))
            ),
            longer as (
                select name as long_name, is_asked,
                       array_to_string(words[:count_first], ' ') as first_words
                from (select *, unnest(range(1, len(words))) as count_first from names)
                where not regexp_matches(words[count_first + 1], '{_NUMERAL}')
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
                select name as name_a, long_name as name_b, '{LONGER}' as likeness
                from names inner join longer on name = first_words
                where names.is_asked or longer.is_asked
                union all
                select name, long_name, '{INITIALS}'
                from names inner join initials on name = short_name
                where names.is_asked or initials.is_asked
            ),
            found as (
                from same_key
                union all from misprints
                union all
                select least(name_a, name_b), greatest(name_a, name_b), likeness from askable
            )
            select name_a, name_b, likeness
            from found
            -- A pair that is alike in two ways is so in the surer one.
            qualify row_number() over (
                partition by name_a, name_b
                order by list_position({[*SURE, ONE_LETTER, LONGER, INITIALS]}, likeness)
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
