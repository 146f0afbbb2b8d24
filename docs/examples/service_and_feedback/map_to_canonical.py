"""Map four public layouts of service and feedback data onto the `canonical` templates.

Belongs here: which row of a file becomes which row of a template, and why. Does not: anything the
warehouse does with the rows. The README beside this file explains the choices.

    python map_to_canonical.py OUT [--incidents F] [--complaints F] [--reviews F] [--contacts F]
"""

import argparse
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

# Each file is read as text; what its cells mean is said here.
SOURCES = {
    # An event log: one row per change of an incident, with the incident as it was then.
    "incidents": """
        select
            number as case_id,
            cast(sys_mod_count as integer) as change_number,
            'caller:' || nullif(caller_id, '?') as customer_id,
            incident_state as state,
            priority,
            nullif(category, '?') as category,
            case contact_type
                when 'IVR' then 'phone'
                when 'Self service' then 'web'
                when 'Direct opening' then 'face_to_face'
                else lower(nullif(contact_type, '?'))
            end as channel,
            made_sla as is_promise_kept,
            columns(c -> c in ('opened_at', 'sys_updated_at', 'resolved_at', 'closed_at'))
        from (
            select * replace (
                -- 29/2/2016 01:16, in copies that went through a spreadsheet 29-02-2016 01:16
                try_strptime(replace(opened_at, '-', '/'), '%d/%m/%Y %H:%M') as opened_at,
                try_strptime(replace(sys_updated_at, '-', '/'), '%d/%m/%Y %H:%M') as sys_updated_at,
                try_strptime(replace(resolved_at, '-', '/'), '%d/%m/%Y %H:%M') as resolved_at,
                try_strptime(replace(closed_at, '-', '/'), '%d/%m/%Y %H:%M') as closed_at
            )
            from source
        )
    """,
    # One row per complaint; nobody is named, and when it was answered is not said. Shortened copies
    # have no number: then the row's own.
    "complaints": """
        select
            coalesce("Complaint ID", 'complaint:' || row_number() over ()) as case_id,
            coalesce(
                try_strptime("Date received", '%m/%d/%Y'), try_strptime("Date received", '%Y-%m-%d')
            ) as opened_at,
            coalesce(
                try_strptime("Date sent to company", '%m/%d/%Y'),
                try_strptime("Date sent to company", '%Y-%m-%d')
            ) as passed_on_at,
            Product as category,
            Issue as reason,
            if("Company response to consumer" = 'In progress', 'open', 'closed') as status,
            case "Submitted via"
                when 'Referral' then 'web'
                when 'Postal mail' then 'post'
                when 'Fax' then 'post'
                else lower("Submitted via")
            end as channel,
            "Timely response?" as is_promise_kept,
            "Consumer disputed?" as consumer_disputed
        from source
    """,
    # One row per review, without a key of its own. Who wrote it and when is left out by some.
    "reviews": """
        select
            'review:' || row_number() over () as response_id,
            'reviewer:' || coalesce(reviewerID, UserId, user_id) as customer_id,
            coalesce(asin, ProductId, business_id, "Clothing ID", drugName) as product_id,
            coalesce("Class Name", condition) as category,
            cast(coalesce(overall, score, stars, rating) as double) as score,
            if(max(cast(coalesce(overall, score, stars, rating) as double)) over () > 5, 10, 5)
                as scale_max,
            nullif(
                concat_ws(
                    '. ',
                    nullif(coalesce(summary, title), ''),
                    nullif(coalesce(reviewText, "text", "Review Text", review), '')
                ),
                ''
            ) as comment,
            coalesce(
                make_timestamp(try_cast(coalesce(unixReviewTime, "time") as bigint) * 1000000),
                try_cast("date" as timestamp),
                try_strptime("date", '%B %d, %Y')
            ) as responded_at
        from source
    """,
    # One row per client, in order of time, without key and year: a month that lies before that of
    # the row above begins the next year. The calls ended in 2010: a file that seems to go on was
    # shuffled and tells no year. The longer layout tells no day.
    "contacts": """
        with numbered as (
            select
                *,
                row_number() over () as file_row,
                month(strptime('1 ' || "month" || ' 2000', '%d %b %Y')) as month_number
            from source
        ),

        turned as (
            select
                *,
                month_number < lag(month_number) over (order by file_row) as is_new_year
            from numbered
        ),

        counted as (
            select
                *,
                2008 + count(*) filter (where is_new_year) over (
                    order by file_row rows unbounded preceding
                ) as counted_year
            from turned
        ),

        dated as (
            select
                *,
                if(max(counted_year) over () <= 2010, counted_year, null) as year
            from counted
        )

        select
            'client:' || file_row as customer_id,
            make_timestamp(year, month_number, cast("day" as bigint), 0, 0, 0) as contacted_at,
            cast(duration as integer) as duration_seconds,
            y = 'yes' as has_subscribed,
            concat_ws('-', 'term-deposit', year, printf('%02d', month_number)) as campaign_id,
            make_date(year, month_number, 1) as start_date
        from dated
    """,
}

# Columns that only some copies of a layout have; where they are missing they are empty.
OPTIONAL = {
    "complaints": ("Complaint ID", "Date sent to company", "Consumer disputed?"),
    "reviews": (
        *("reviewerID", "UserId", "user_id", "asin", "ProductId", "business_id", "Clothing ID"),
        *("drugName", "Class Name", "condition", "overall", "score", "stars", "rating", "summary"),
        *("title", "reviewText", "text", "Review Text", "review", "unixReviewTime", "time", "date"),
    ),
    "contacts": ("day",),
}

# What each source gives to a template. Columns that a template does not know are kept.
TEMPLATES = {
    "customers": {
        "incidents": "select distinct customer_id from incidents where customer_id is not null",
        "reviews": "select distinct customer_id from reviews where customer_id is not null",
        "contacts": "select customer_id from contacts",
    },
    "cases": {
        "incidents": """
            select
                case_id, customer_id, opened_at, resolved_at, closed_at, state as status, priority,
                category, channel, false as is_complaint, is_promise_kept
            from incidents
            qualify row_number() over (partition by case_id order by change_number desc) = 1
        """,
        "complaints": """
            select
                case_id, opened_at, status, category, reason, channel, true as is_complaint,
                is_promise_kept, consumer_disputed
            from complaints
        """,
    },
    "case_events": {
        # The first row of an incident tells its first state; a later one only what it changed.
        "incidents": """
            with compared as (
                select
                    *,
                    lag(state) over of_case as old_state,
                    lag(priority) over of_case as old_priority
                from incidents
                window of_case as (partition by case_id order by change_number)
            )

            select
                case_id || '-' || change_number || '-status' as case_event_id, case_id,
                sys_updated_at as occurred_at, 'status' as event_type, old_state as from_value,
                state as to_value
            from compared
            where state is distinct from old_state
            union all
            select
                case_id || '-' || change_number || '-priority' as case_event_id, case_id,
                sys_updated_at as occurred_at, 'priority' as event_type,
                old_priority as from_value, priority as to_value
            from compared
            where priority != old_priority
        """,
        "complaints": """
            select
                case_id || '-passed-on' as case_event_id, case_id, passed_on_at as occurred_at,
                'status' as event_type, 'registered' as from_value, 'assigned' as to_value
            from complaints
            where passed_on_at is not null
        """,
    },
    "products": {
        "reviews": """
            select product_id, max(category) as category from reviews
            where product_id is not null
            group by product_id
        """,
    },
    "survey_responses": {
        "reviews": """
            select
                response_id, 'overall' as dimension, customer_id, 'review' as survey_type, score,
                1 as scale_min, scale_max, comment, responded_at, product_id
            from reviews
        """,
    },
    "campaigns": {
        "contacts": """
            select distinct
                campaign_id, campaign_id as campaign_name, 'phone' as channel,
                'cross_sell' as objective, start_date
            from contacts
        """,
    },
    "campaign_members": {
        "contacts": """
            select
                campaign_id, customer_id, false as is_control, contacted_at as sent_at,
                if(has_subscribed, contacted_at, null) as responded_at,
                if(has_subscribed, 'subscribed', null) as response_type
            from contacts
        """,
    },
    "interactions": {
        "contacts": """
            select
                customer_id || '-last' as interaction_id, customer_id, contacted_at as occurred_at,
                'phone' as channel, 'outbound' as direction, 'call' as interaction_type,
                campaign_id, duration_seconds
            from contacts
            where contacted_at is not null
        """,
    },
}


def write_canonical(files: Mapping[str, Path], out: Path, exported_on: date) -> dict[str, int]:
    """Write the templates that the files can fill to `out`/canonical; return rows by template.

    `files` names a file per layout of SOURCES; the day of the export stands in the file names.
    """
    folder = out / "canonical"
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    with duckdb.connect() as con:
        for name, path in files.items():
            missing = ", ".join(f'null::varchar as "{column}"' for column in OPTIONAL.get(name, ()))
            con.execute(
                "create or replace temp table source as from read_csv($file, all_varchar = true)"
                + (f" union all by name (select {missing} where false)" if missing else ""),
                {"file": str(path)},
            )
            con.execute(f"create table {name} as {SOURCES[name]}")
        for template, queries in TEMPLATES.items():
            parts = [f"({query})" for source, query in queries.items() if source in files]
            if parts:
                rows = con.sql(f"from ({' union all by name '.join(parts)}) order by all")
                if len(rows):
                    rows.write_csv(str(folder / f"{template}_{exported_on}.csv"))
                    counts[template] = len(rows)
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="landing folder; files go to OUT/canonical")
    parser.add_argument("--exported-on", type=date.fromisoformat, required=True, metavar="DAY")
    for source in SOURCES:
        parser.add_argument(f"--{source}", type=Path, metavar="CSV")
    arguments = vars(parser.parse_args())
    given = {name: arguments[name] for name in SOURCES if arguments[name] is not None}
    for written, count in write_canonical(
        given, arguments["out"], arguments["exported_on"]
    ).items():
        print(f"{written:<17} {count:>9,} rows")
