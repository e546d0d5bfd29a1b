with

invoices as (

    select * from {{ ref('int_invoices') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

orders as (

    select
        'invoice' as order_kind,
        invoices.invoice_id as order_id,
        invoices.deal_id,
        invoices.customer_id,
        invoices.currency,
        coalesce(case when deals.is_won then deals.closed_at end, invoices.issued_at) as order_at
    from invoices
    left join deals using (deal_id)
    union all
    select
        'deal' as order_kind,
        deal_id as order_id,
        deal_id,
        customer_id,
        currency,
        closed_at as order_at
    from deals
    where is_won and closed_at is not null

),

final as (

    select
        *,
        {{ row_key() }} as order_key
    from orders

)

select * from final
