with

files as (

    select * from {{ ref('stg_files__refunds') }}

),

final as (

    select
        refund_id,
        payment_id,
        amount,
        kind,
        refunded_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
