with

invoice_payments as (

    select
        {{ text('id') }} as record_key,
        amount_paid as amount,
        {{ code('currency') }} as currency,
        cast(null as {{ instant_type() }}) as updated_at,
        false as is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from {{ source('stripe', 'invoice_payment') }}
    where status = 'paid'

),

refunds as (

    select
        {{ text('id') }} as record_key,
        amount,
        {{ code('currency') }} as currency,
        cast(null as {{ instant_type() }}) as updated_at,
        false as is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from {{ source('stripe', 'refund') }}

),

invoice_payment_versions as (

    {{ standing_by_key('invoice_payments', 'record_key', ['amount', 'currency']) }}

),

refund_versions as (

    {{ standing_by_key('refunds', 'record_key', ['amount', 'currency']) }}

),

conflicts as (

    select
        'invoice_payment' as object,
        *
    from invoice_payment_versions
    where _standing = 'conflict'
    union all
    select
        'refund' as object,
        *
    from refund_versions
    where _standing = 'conflict'

),

-- Stripe never changes these amounts: they are told in minor units, as they were received.
final as (

    select
        object,
        record_key,
        _load_id,
        _file,
        _row,
        'received again as ' || amount || ' ' || currency || ' (minor units) in ' || _file || '; ' || _first_amount
        || ' ' || _first_currency || ' of ' || _first_file || ' stays' as reason
    from conflicts

)

select * from final
