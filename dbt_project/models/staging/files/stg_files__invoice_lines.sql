with

landed as (

    select * from {{ source('files', 'invoice_lines') }}

),

latest as (

    {{ latest_by_key('landed', 'line_id') }}

),

final as (

    select
        line_id,
        invoice_id,
        product_id,
        cast(net as {{ money() }}) as net,
        cast(tax as {{ money() }}) as tax,
        _load_id,
        _row
    from latest

)

select * from final
