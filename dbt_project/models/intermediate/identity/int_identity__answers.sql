with

answers as (
    select
        *,
        -- One pair may be written either way round.
        least(
            source_system_a || ':' || record_id_a, source_system_b || ':' || record_id_b
        ) as one_record,
        greatest(
            source_system_a || ':' || record_id_a, source_system_b || ':' || record_id_b
        ) as other_record
    from {{ ref('int_identity__identity_answers_unioned') }}
),

-- The last word counts; of two at once the one that keeps people apart.
last_words as (
    select *
    from (
        select
            *,
            row_number() over (
                partition by one_record, other_record
                order by answered_at desc nulls last, answer, source_system, _file_name, _row_number
            ) as answer_rank
        from answers
    ) as ranked
    where answer_rank = 1
),

records as (
    select
        record_number,
        source_system || ':' || source_record_id as record_name
    from {{ ref('int_identity__records') }}
)

select
    least(one.record_number, other.record_number) as record_number_a,
    greatest(one.record_number, other.record_number) as record_number_b,
    last_words.answer,
    last_words.answered_by,
    last_words.answered_at
from last_words
-- An answer about records that are not there, deleted ones for instance, says nothing any more.
inner join records as one on last_words.one_record = one.record_name
inner join records as other on last_words.other_record = other.record_name
where last_words.answer in ('same', 'different') and one.record_number != other.record_number
