{{ config(materialized='view') }}

with

records as (

    select * from {{ ref('int_refund_records') }}

),

final as (

    select
        refund_id,
        payment_id,
        amount,
        kind,
        refunded_at,
        object,
        source,
        _load_id,
        _file,
        _row
    from records
    where set_aside_reason is null

)

select * from final
