with

landed as (

    select * from {{ source('files', 'invoices') }}

),

latest as (

    {{ latest_by_key('landed', 'invoice_id') }}

),

final as (

    select
        invoice_id,
        customer_id,
        deal_id,
        currency,
        issued_at,
        _load_id,
        _row
    from latest

)

select * from final
