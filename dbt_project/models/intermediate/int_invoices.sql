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
        'files' as source
    from files

)

select * from final
