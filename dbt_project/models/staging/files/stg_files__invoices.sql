with

landed as (

    select * from {{ source('files', 'invoices') }}

),

typed as (

    select
        {{ text('invoice_id') }} as invoice_id,
        {{ text('customer_id') }} as customer_id,
        {{ text('deal_id') }} as deal_id,
        {{ code('currency') }} as currency,
        issued_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'invoice_id') }}

),

final as (

    select
        invoice_id,
        customer_id,
        deal_id,
        currency,
        issued_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
