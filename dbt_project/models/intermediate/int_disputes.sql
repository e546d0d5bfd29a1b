with

files as (

    select * from {{ ref('stg_files__disputes') }}

),

final as (

    select
        dispute_id,
        payment_id,
        status,
        opened_at,
        closed_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
