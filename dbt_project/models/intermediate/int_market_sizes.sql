with

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

distinct_records as (

    select
        market_size_id,
        month,
        country,
        segment,
        amount,
        currency,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__market_sizes') }}

),

final as (

    select
        distinct_records.market_size_id,
        cast(date_trunc('month', distinct_records.month) as date) as month,
        distinct_records.country,
        distinct_records.segment,
        distinct_records.amount,
        distinct_records.currency,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    cross join parameters
    where distinct_records.month <= {{ local_day('parameters.as_of', 'parameters.timezone') }}

)

select * from final
