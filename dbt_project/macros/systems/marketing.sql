{#
    One row per day, channel and campaign with what was spent: platforms restate days, so the newest
    export that holds the three speaks; its rows (ad groups, countries) are added up, those that are
    equal in everything counted once.
    Staging models read raw only, not each other; hence a macro.
#}
{% macro marketing_spend() -%}
    (
        with

        rows_of_files as (
            select
                *,
                lower(trim(channel)) as channel_name,
                nullif(trim(campaign_id), '') as campaign
            from {{ current_records('marketing', 'spend') }}
        ),

        newest_files as (
            select
                spend_date,
                channel_name,
                campaign,
                max_by(
                    _content_hash,
                    struct_pack(exported_at := _exported_at, content_hash := _content_hash)
                ) as content_hash
            from rows_of_files
            group by spend_date, channel_name, campaign
        ),

        counted as (
            select rows_of_files.*
            from rows_of_files
            inner join newest_files
                on
                    rows_of_files.spend_date = newest_files.spend_date
                    and rows_of_files.channel_name = newest_files.channel_name
                    and rows_of_files.campaign is not distinct from newest_files.campaign
                    and rows_of_files._content_hash = newest_files.content_hash
            qualify row_number() over (
                partition by
                    rows_of_files.spend_date, rows_of_files.channel_name, rows_of_files.campaign,
                    amount, currency_code, impressions, clicks, updated_at, source_metadata
                order by _row_number
            ) = 1
        )

        select
            spend_date,
            channel_name,
            campaign,
            min(upper(trim(currency_code))) as currency_code,
            sum(cast(amount as decimal(18, 4))) as amount,
            sum(cast(impressions as bigint)) as impressions,
            sum(cast(clicks as bigint)) as clicks,
            min(_file_name) as _file_name,
            min(_row_number) as _row_number
        from counted
        group by spend_date, channel_name, campaign
    )
{%- endmacro %}
