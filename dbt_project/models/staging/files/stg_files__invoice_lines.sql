with

landed as (

    select * from {{ source('files', 'invoice_lines') }}

),

typed as (

    select
        {{ text('line_id') }} as line_id,
        {{ text('invoice_id') }} as invoice_id,
        {{ text('product_id') }} as product_id,
        {{ landed_money('net') }} as net,
        {{ landed_money('coalesce(tax, 0)') }} as tax,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'line_id') }}

),

final as (

    select
        line_id,
        invoice_id,
        product_id,
        net,
        tax,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
