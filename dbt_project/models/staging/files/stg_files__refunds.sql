with

landed as (

    select * from {{ source('files', 'refunds') }}

),

typed as (

    select
        {{ text('refund_id') }} as refund_id,
        {{ text('payment_id') }} as payment_id,
        {{ landed_money('amount') }} as amount,
        coalesce({{ word('kind') }}, 'refund') as kind,
        refunded_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ standing_by_key('typed', 'refund_id', ['amount']) }}

),

final as (

    select
        refund_id,
        payment_id,
        amount,
        kind,
        refunded_at,
        _load_id,
        _file,
        _row
    from versions
    where _standing = 'valid' and not coalesce(is_deleted, false)

)

select * from final
