with

landed as (

    select * from {{ source('stripe', 'dispute') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

typed as (

    select
        {{ text('id') }} as dispute_id,
        {{ text('payment_intent') }} as payment_intent_id,
        {{ text('charge') }} as charge_id,
        {{ text('status') }} as status,
        {{ code('currency') }} as currency,
        amount,
        created as opened_at,
        closed_at,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'dispute_id', version=none, deleted=none) }}

),

final as (

    select
        versions.dispute_id,
        versions.payment_intent_id,
        versions.charge_id,
        versions.status,
        versions.currency,
        {{ from_minor_units('versions.amount', 'currencies.stripe_minor_unit') }} as amount,
        versions.opened_at,
        versions.closed_at,
        versions._load_id,
        versions._file,
        versions._row
    from versions
    left join currencies on versions.currency = currencies.currency

)

select * from final
