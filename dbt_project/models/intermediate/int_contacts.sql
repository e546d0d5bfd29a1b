with

files as (

    select * from {{ ref('stg_files__contacts') }}

),

final as (

    select
        contact_id,
        customer_id,
        email,
        created_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
