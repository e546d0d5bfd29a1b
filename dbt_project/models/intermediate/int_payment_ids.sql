with

invoice_payments as (

    select * from {{ ref('stg_stripe__invoice_payments') }}

),

charges as (

    select * from {{ ref('stg_stripe__charges') }}

),

invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

invoice_payment_references as (

    select
        payment_intent_id as reference,
        invoice_payment_id as payment_id
    from invoice_payments
    where payment_intent_id is not null
    union all
    select
        charge_id as reference,
        invoice_payment_id as payment_id
    from invoice_payments
    where charge_id is not null

),

-- Before 2025-03 there were no invoice payments: the invoice named its payment, whose id is then the payment's.
older_references as (

    select
        invoices.paying_id as reference,
        invoices.paying_id as payment_id
    from invoices
    left join invoice_payments on invoices.invoice_id = invoice_payments.invoice_id
    where
        invoices.paying_id is not null
        and invoice_payments.invoice_payment_id is null

),

direct_references as (

    select * from invoice_payment_references
    union all
    select * from older_references

),

charge_references as (

    select
        charges.charge_id as reference,
        direct_references.payment_id
    from charges
    inner join direct_references on charges.payment_intent_id = direct_references.reference

),

gathered as (

    select * from direct_references
    union all
    select * from charge_references
    union all
    select
        invoice_payment_id as reference,
        invoice_payment_id as payment_id
    from invoice_payments

),

final as (

    select
        'stripe' as source,
        reference as source_id,
        min(payment_id) as payment_id
    from gathered
    group by reference

)

select * from final
