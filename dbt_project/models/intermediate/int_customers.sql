with

files as (

    select * from {{ ref('stg_files__customers') }}

),

final as (

    select
        customer_id,
        name,
        country,
        segment,
        created_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
