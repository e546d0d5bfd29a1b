with

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

files as (

    select * from {{ ref('stg_files__fx_rates') }}

),

-- A quote is for a day of business somewhere: one that is a day ahead of UTC is known already.
final as (

    select
        files.fx_rate_id,
        files.rate_date,
        files.from_currency,
        files.to_currency,
        files.rate,
        'files' as source,
        files._load_id,
        files._file,
        files._row
    from files
    cross join parameters
    where
        files.rate > 0
        and files.from_currency <> files.to_currency
        and files.rate_date <= {{ days_after(utc_day('parameters.as_of'), 1) }}

)

select * from final
