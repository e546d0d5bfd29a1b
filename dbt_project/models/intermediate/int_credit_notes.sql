{{ config(materialized='view') }}

with

records as (

    select * from {{ ref('int_credit_note_records') }}

),

final as (

    select
        credit_note_id,
        invoice_id,
        amount,
        issued_at,
        source,
        _load_id,
        _file,
        _row
    from records
    where set_aside_reason is null

)

select * from final
