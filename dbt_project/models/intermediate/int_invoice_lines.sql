with

known_products as (

    select distinct
        source_id,
        product_id
    from {{ ref('int_product_ids') }}

),

invoices as (

    select * from {{ ref('int_invoices') }}

),

records as (

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
    from {{ ref('stg_files__invoice_lines') }}
    union all
    select
        line_id,
        invoice_id,
        product_id,
        net,
        tax,
        'stripe' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_stripe__invoice_lines') }}

),

distinct_records as (

    {{ first_source('records', 'line_id') }}

),

final as (

    select
        distinct_records.line_id,
        distinct_records.invoice_id,
        coalesce(known_products.product_id, distinct_records.product_id) as product_id,
        distinct_records.net,
        distinct_records.tax,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    inner join invoices on distinct_records.invoice_id = invoices.invoice_id
    left join known_products on distinct_records.product_id = known_products.source_id

)

select * from final
