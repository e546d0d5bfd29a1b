with

files as (

    select * from {{ ref('stg_files__products') }}

),

final as (

    select
        product_id,
        name,
        family,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
