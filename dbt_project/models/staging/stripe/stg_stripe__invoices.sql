with

landed as (

    select * from {{ source('stripe', 'invoice') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

-- Before Stripe split payments from invoices (2025-03), an invoice named the one payment that paid it: `paying_id`.
typed as (

    select
        {{ text('id') }} as invoice_id,
        {{ text('customer') }} as customer_id,
        {{ text('deal_id') }} as deal_id,
        {{ text('number') }} as number,
        {{ text('status') }} as status,
        coalesce({{ json_text('_raw', '$.payment_intent') }}, {{ json_text('_raw', '$.charge') }}) as paying_id,
        {{ code('currency') }} as currency,
        subtotal,
        total,
        amount_paid,
        coalesce(starting_balance, 0) as starting_balance,
        coalesce(ending_balance, starting_balance, 0) as ending_balance,
        coalesce(finalized_at, created) as issued_at,
        paid_at,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'invoice_id', version=none, deleted=none) }}

),

final as (

    select
        versions.invoice_id,
        versions.customer_id,
        versions.deal_id,
        versions.paying_id,
        versions.number,
        versions.status,
        versions.currency,
        {{ from_minor_units('versions.subtotal', 'currencies.stripe_minor_unit') }} as subtotal,
        {{ from_minor_units('versions.total', 'currencies.stripe_minor_unit') }} as total,
        {{ from_minor_units('versions.amount_paid', 'currencies.stripe_minor_unit') }} as amount_paid,
        {{ from_minor_units('versions.starting_balance', 'currencies.stripe_minor_unit') }} as starting_balance,
        {{ from_minor_units('versions.ending_balance', 'currencies.stripe_minor_unit') }} as ending_balance,
        versions.issued_at,
        versions.paid_at,
        versions._load_id,
        versions._file,
        versions._row
    from versions
    left join currencies on versions.currency = currencies.currency

)

select * from final
