with

landed as (

    select * from {{ source('stripe', 'invoice_payment') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

-- What was paid does not change any more; an attempt that was not paid yet has no amount to compare.
typed as (

    select
        {{ text('id') }} as invoice_payment_id,
        {{ text('invoice') }} as invoice_id,
        {{ text('payment_intent') }} as payment_intent_id,
        {{ json_text('payment', '$.charge') }} as charge_id,
        {{ code('currency') }} as currency,
        amount_paid,
        coalesce(paid_at, created) as paid_at,
        cast(null as {{ instant_type() }}) as updated_at,
        false as is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed
    where status = 'paid'

),

versions as (

    {{ standing_by_key('typed', 'invoice_payment_id', ['amount_paid', 'currency']) }}

),

final as (

    select
        versions.invoice_payment_id,
        versions.invoice_id,
        versions.payment_intent_id,
        versions.charge_id,
        versions.currency,
        {{ from_minor_units('versions.amount_paid', 'currencies.stripe_minor_unit') }} as amount_paid,
        versions.paid_at,
        versions._load_id,
        versions._file,
        versions._row
    from versions
    left join currencies on versions.currency = currencies.currency
    where versions._standing = 'valid'

)

select * from final
