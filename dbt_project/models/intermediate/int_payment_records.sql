with

files as (

    select * from {{ ref('stg_files__payments') }}

),

stripe_payments as (

    select * from {{ ref('stg_stripe__invoice_payments') }}

),

stripe_invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

invoices as (

    select * from {{ ref('int_invoices') }}

),

oversized as (

    {{ oversized_invoices() }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

-- A negative balance is the customer's credit. What an invoice used of it was applied when it was finalised.
billed as (

    select
        *,
        case
            when starting_balance < 0 then greatest(least(ending_balance - starting_balance, total), 0)
            else 0
        end as from_credit
    from stripe_invoices
    where status not in ('draft', 'void', 'deleted')

),

numbered as (

    select
        *,
        row_number() over (partition by invoice_id order by paid_at, invoice_payment_id) as ordinal
    from stripe_payments

),

paid_invoices as (

    select distinct invoice_id
    from stripe_payments

),

-- The credit is part of the invoice's first payment; an invoice that it paid whole has a payment of nothing else.
gathered as (

    select
        payment_id,
        invoice_id,
        amount,
        from_credit,
        currency,
        paid_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files
    union all
    select
        numbered.invoice_payment_id as payment_id,
        numbered.invoice_id,
        numbered.amount_paid + case when numbered.ordinal = 1 then coalesce(billed.from_credit, 0) else 0 end as amount,
        case when numbered.ordinal = 1 then coalesce(billed.from_credit, 0) else 0 end as from_credit,
        numbered.currency,
        numbered.paid_at,
        'stripe' as source,
        numbered._load_id,
        numbered._file,
        numbered._row
    from numbered
    left join billed on numbered.invoice_id = billed.invoice_id
    union all
    select
        coalesce(billed.paying_id, 'credit_' || billed.invoice_id) as payment_id,
        billed.invoice_id,
        case when billed.paying_id is null then 0 else billed.amount_paid end + billed.from_credit as amount,
        billed.from_credit,
        billed.currency,
        coalesce(billed.paid_at, billed.issued_at) as paid_at,
        'stripe' as source,
        billed._load_id,
        billed._file,
        billed._row
    from billed
    left join paid_invoices on billed.invoice_id = paid_invoices.invoice_id
    where
        billed.status = 'paid'
        and paid_invoices.invoice_id is null
        and (
            (billed.paying_id is not null and billed.amount_paid > 0)
            or (billed.from_credit > 0 and billed.amount_paid = 0)
        )

),

typed as (

    select
        payment_id,
        invoice_id,
        cast(amount as {{ money() }}) as amount,
        cast(from_credit as {{ money() }}) as from_credit,
        currency,
        paid_at,
        source,
        _load_id,
        _file,
        _row
    from gathered

),

repeated as (

    select payment_id
    from typed
    group by payment_id
    having count(*) > 1

),

-- Only an id that several records have is compared: to order the others would take most of this model's time.
compared as (

    select
        typed.*,
        row_number() over sources as precedence,
        first_value(typed.amount) over sources as first_amount,
        first_value(typed.currency) over sources as first_currency,
        first_value(typed.source) over sources as first_source
    from typed
    inner join repeated using (payment_id)
    window
        sources as (
            partition by typed.payment_id
            order by case typed.source when 'files' then 1 else 2 end, typed._load_id, typed._row
        )
    union all
    select
        typed.*,
        1 as precedence,
        typed.amount as first_amount,
        typed.currency as first_currency,
        typed.source as first_source
    from typed
    left join repeated using (payment_id)
    where repeated.payment_id is null

),

final as (

    select
        compared.payment_id,
        compared.invoice_id,
        compared.amount,
        compared.from_credit,
        compared.currency,
        compared.paid_at,
        compared.source,
        compared._load_id,
        compared._file,
        compared._row,
        case
            when compared.precedence > 1 then 'amount'
            when invoices.invoice_id is null or oversized.invoice_id is not null then 'invoice_id'
            when compared.currency <> invoices.currency then 'currency'
            when compared.amount < 0 then 'amount'
            when compared.from_credit < 0 or compared.from_credit > compared.amount then 'from_credit'
        end as set_aside_field,
        case
            when compared.precedence > 1
                then
                    compared.source || ' says ' || compared.amount || ' ' || compared.currency || ', '
                    || compared.first_source || ' says ' || compared.first_amount || ' ' || compared.first_currency
                    || ' under the same id: the latter stays'
            when invoices.invoice_id is null
                then 'no billed invoice ' || compared.invoice_id || ' yet: the payment waits for it'
            when oversized.invoice_id is not null
                then
                    'invoice ' || compared.invoice_id || ' comes to ' || oversized.amount
                    || ', which is no amount of money here: correct its lines'
            when compared.currency <> invoices.currency
                then 'paid in ' || compared.currency || ' on an invoice in ' || invoices.currency
            when compared.amount < 0
                then 'a payment of ' || compared.amount || ': money given back is a refund'
            when compared.from_credit < 0 or compared.from_credit > compared.amount
                then 'from_credit ' || compared.from_credit || ' is not between 0 and the amount ' || compared.amount
        end as set_aside_reason
    from compared
    left join invoices on compared.invoice_id = invoices.invoice_id
    left join oversized on compared.invoice_id = oversized.invoice_id
    cross join parameters
    where
        compared.paid_at <= parameters.as_of
        and (
            compared.precedence = 1
            or compared.amount <> compared.first_amount
            or compared.currency <> compared.first_currency
        )

)

select * from final
