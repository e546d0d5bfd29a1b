{{ config(materialized='view') }}

with

records as (

    select * from {{ ref('int_payment_records') }}

),

final as (

    select
        payment_id,
        invoice_id,
        amount,
        from_credit,
        currency,
        paid_at,
        source,
        _load_id,
        _file,
        _row
    from records
    where set_aside_reason is null

)

select * from final
