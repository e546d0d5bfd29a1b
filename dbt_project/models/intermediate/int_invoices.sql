with

known_customers as (

    select distinct
        source_id,
        customer_id
    from {{ ref('int_customer_ids') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

deal_references as (

    select * from {{ ref('int_deal_references') }}

),

records as (

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
    from {{ ref('stg_files__invoices') }}
    union all
    -- A draft is not billed yet, a void invoice never was.
    select
        invoice_id,
        customer_id,
        deal_id,
        currency,
        issued_at,
        'stripe' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_stripe__invoices') }}
    where status not in ('draft', 'void', 'deleted')

),

distinct_records as (

    {{ first_source('records', 'invoice_id') }}

),

final as (

    select
        distinct_records.invoice_id,
        coalesce(known_customers.customer_id, distinct_records.customer_id) as customer_id,
        coalesce(deal_references.deal_id, distinct_records.deal_id) as deal_id,
        distinct_records.currency,
        distinct_records.issued_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_customers on distinct_records.customer_id = known_customers.source_id
    left join deal_references on distinct_records.deal_id = deal_references.reference
    cross join parameters
    where distinct_records.issued_at <= parameters.as_of

)

select * from final
