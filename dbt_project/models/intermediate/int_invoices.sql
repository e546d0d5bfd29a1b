with

files as (

    select * from {{ ref('stg_files__invoices') }}

),

final as (

    select
        invoice_id,
        customer_id,
        deal_id,
        currency,
        issued_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
