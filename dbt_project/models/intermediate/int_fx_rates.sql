with

files as (

    select * from {{ ref('stg_files__fx_rates') }}

),

final as (

    select
        fx_rate_id,
        rate_date,
        from_currency,
        to_currency,
        rate,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
