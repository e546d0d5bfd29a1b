with

landed as (

    select * from {{ source('files', 'refunds') }}

),

latest as (

    {{ latest_by_key('landed', 'refund_id') }}

),

final as (

    select
        refund_id,
        payment_id,
        cast(amount as {{ money() }}) as amount,
        kind,
        refunded_at,
        _load_id,
        _row
    from latest

)

select * from final
