with

files as (

    select * from {{ ref('stg_files__invoice_lines') }}

),

final as (

    select
        line_id,
        invoice_id,
        product_id,
        net,
        tax,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
