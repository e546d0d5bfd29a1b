with

files as (

    select * from {{ ref('stg_files__market_sizes') }}

),

final as (

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
    from files

)

select * from final
