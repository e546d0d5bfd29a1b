with

landed as (

    select * from {{ source('files', 'payments') }}

),

typed as (

    select
        {{ text('payment_id') }} as payment_id,
        {{ text('invoice_id') }} as invoice_id,
        {{ landed_money('amount') }} as amount,
        {{ landed_money('coalesce(from_credit, 0)') }} as from_credit,
        {{ code('currency') }} as currency,
        paid_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ standing_by_key('typed', 'payment_id', ['amount', 'from_credit', 'currency']) }}

),

final as (

    select
        payment_id,
        invoice_id,
        amount,
        from_credit,
        currency,
        paid_at,
        _load_id,
        _file,
        _row
    from versions
    where _standing = 'valid' and not coalesce(is_deleted, false)

)

select * from final
