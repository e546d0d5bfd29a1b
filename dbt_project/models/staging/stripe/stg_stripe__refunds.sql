with

landed as (

    select * from {{ source('stripe', 'refund') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

typed as (

    select
        {{ text('id') }} as refund_id,
        {{ text('payment_intent') }} as payment_intent_id,
        {{ text('charge') }} as charge_id,
        {{ text('status') }} as status,
        {{ code('currency') }} as currency,
        amount,
        created as refunded_at,
        cast(null as {{ instant_type() }}) as updated_at,
        false as is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ standing_by_key('typed', 'refund_id', ['amount', 'currency']) }}

),

final as (

    select
        versions.refund_id,
        versions.payment_intent_id,
        versions.charge_id,
        versions.status,
        versions.currency,
        {{ from_minor_units('versions.amount', 'currencies.stripe_minor_unit') }} as amount,
        versions.refunded_at,
        versions._load_id,
        versions._file,
        versions._row
    from versions
    left join currencies on versions.currency = currencies.currency
    where versions._standing = 'valid'

)

select * from final
