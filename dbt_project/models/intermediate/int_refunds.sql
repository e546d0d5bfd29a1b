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
        'files' as source
    from files

)

select * from final
