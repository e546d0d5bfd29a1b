with

landed as (

    select * from {{ source('files', 'payments') }}

),

latest as (

    {{ latest_by_key('landed', 'payment_id') }}

),

final as (

    select
        payment_id,
        invoice_id,
        cast(amount as {{ money() }}) as amount,
        cast(from_credit as {{ money() }}) as from_credit,
        currency,
        paid_at,
        _load_id,
        _row
    from latest

)

select * from final
