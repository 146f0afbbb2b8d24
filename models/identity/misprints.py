"""Names of firms that differ in letters of their words: which of them are misprints of others.

Belongs here: words that are misspelt, as far as all the names of a company tell. Does not: other
ways in which names are alike (`firm_names`), who bears them (`names_alone`).
"""

import duckdb

MISPRINT = "a misprint of the other"
LETTERS = "one or two letters differ"

# A misprint makes a word of five letters or more, seldom in the first letter; two of them a long
# one. What tells the names of a series apart is coined, as names of one word are: Bank of Ilawa and
# of Ilowa, Nexera and NextEra Energy, Semtech and Stemtech. There it takes a longer word.
_LEAST_LETTERS = 5
_LEAST_FOR_TWO = 9
_LEAST_COINED = 8
_LEAST_SERIES = 3  # first letters
ROMAN = "^[ivx]+$"
# The better word is found in so many times as many names, unless this is in one only.
_LEAST_BETTER = 3


def write_misprints(con: duckdb.DuckDBPyConnection) -> None:
    """Write `misprinted`: name_a < name_b, likeness (MISPRINT or LETTERS); a pair may be twice.

    Reads the tables `names` (name, is_asked, words) and `words` (name, is_asked, position, word,
    others: the name with '' in this place).

    A word is a misprint when the names that hold it are mostly found with a better word, too, which
    is held by no fewer names: Koninlijke Philips beside Koninklijke Philips. Capitol Federal is not
    found as Capital Federal, so Capitol Bancorp is no misprint of Capital Bancorp. Any number of
    words may be misprinted.
    """
    con.execute(
        f"""
        create table frequencies as
        select word, count(distinct name) as count_names, bool_or(is_asked) as is_asked
        from words
        where length(word) >= {_LEAST_LETTERS} and not regexp_matches(word, '{ROMAN}')
        group by word;

        -- Two words are alike when they meet after as many letters are left out as may differ.
        create table alike_words as
        with spellings as (
            {_spellings("frequencies")}
        ),
        asked as (
            {_spellings("(from frequencies where is_asked)")}
        ),
        met as (
            select distinct asked.word as one, spellings.word as other
            from asked inner join spellings using (spelling)
            where asked.word != spellings.word
        ),
        both_ways as (
            from met union select other, one from met
        )
        select one.word, other.word as better, other.count_names as count_better,
               damerau_levenshtein(one.word, other.word) as distance,
               other.count_names >= if(one.count_names = 1, 1, {_LEAST_BETTER} * one.count_names)
                   as is_better
        from both_ways
        inner join frequencies as one on both_ways.one = one.word
        inner join frequencies as other on both_ways.other = other.word
        where damerau_levenshtein(one.word, other.word) <= if(
                least(length(one.word), length(other.word)) >= {_LEAST_FOR_TWO}, 2, 1
            )
            -- Gigcapital7 and Gigcapital8
            and not (regexp_matches(one.word, '[0-9]') and regexp_matches(other.word, '[0-9]'));

        create table better_words as
        select word, arg_max(better, (count_better, -distance, better)) as better,
               arg_max(distance, (count_better, -distance, better)) as distance
        from alike_words
        where is_better and left(word, 1) = left(better, 1)
        group by word;

        create table respelt as
        with named as (
            select * from words where name in (
                select name from words semi join better_words using (word)
            )
        )
        select name, count(better) as count_better,
               array_to_string(list(coalesce(better, word) order by position), '') as letters
        from named left join better_words using (word)
        group by name;

        -- The same words around it: a misprint, or a word written short, keeps the first letter.
        create table series as
        select others
        from words
        group by others having count(distinct left(word, 1)) >= {_LEAST_SERIES} or others = '';

        create table misprinted as
        with twins as (
            select respelt.name, names.name as twin, count_better
            from respelt left join names
                on letters = replace(names.name, ' ', '') and respelt.name != names.name
        ),
        judged as (
            select twins.*, words.is_asked, words.word, better, distance,
                   avg(if(twin is null, 0, 1)) over (partition by words.word) > 0.5 as is_misprint,
                   -- Nothing but this word tells the name from others.
                   count_better = 1 and others in (from series) as is_coined
            from twins
            inner join words using (name)
            inner join better_words using (word)
        ),
        found as (
            select name, twin, '{MISPRINT}' as likeness
            from judged
            where twin is not null
              and (is_asked or twin in (select names.name from names where names.is_asked))
            group by name, twin
            having bool_and(
                is_misprint
                and not (is_coined and (distance > 1 or
                    least(length(word), length(better)) < {_LEAST_COINED}))
            )
            union all
            select one.name, other.name, '{LETTERS}'
            from (select * from words inner join alike_words using (word)) as one
            inner join words as other on better = other.word and one.others = other.others
            where one.is_asked or other.is_asked
        )
        select distinct least(name, twin) as name_a, greatest(name, twin) as name_b, likeness
        from found
        """
    )


def _spellings(words: str) -> str:
    """Return SQL: the words with no, one or, of long ones, two of their letters left out."""
    return f"""
        select word, unnest(list_append(once, word)) as spelling
        from (select word, {_each_left_out("word")} as once from {words})
        union all
        select word, unnest({_each_left_out("spelling")})
        from (select word, unnest({_each_left_out("word")}) as spelling from {words})
        where length(word) >= {_LEAST_FOR_TWO}
    """


def _each_left_out(text: str) -> str:
    return (
        f"list_distinct(list_transform(range(0, length({text})), "
        f"lambda spot: {text}[:spot] || {text}[spot + 2:]))"
    )
