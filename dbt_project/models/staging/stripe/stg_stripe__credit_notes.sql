with

landed as (

    select * from {{ source('stripe', 'credit_note') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

typed as (

    select
        {{ text('id') }} as credit_note_id,
        {{ text('invoice') }} as invoice_id,
        {{ json_text('_raw', '$.refund') }} as refund_id,
        {{ text('status') }} as status,
        {{ code('currency') }} as currency,
        amount,
        coalesce(({{ json_total('_raw', '$.refunds', 'amount_refunded') }}), 0) as refunded_amount,
        created as issued_at,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'credit_note_id', version=none, deleted=none) }}

),

final as (

    select
        versions.credit_note_id,
        versions.invoice_id,
        versions.refund_id,
        versions.status,
        versions.currency,
        {{ from_minor_units('versions.amount', 'currencies.stripe_minor_unit') }} as amount,
        {{ from_minor_units('versions.refunded_amount', 'currencies.stripe_minor_unit') }} as refunded_amount,
        versions.issued_at,
        versions._load_id,
        versions._file,
        versions._row
    from versions
    left join currencies on versions.currency = currencies.currency

)

select * from final
