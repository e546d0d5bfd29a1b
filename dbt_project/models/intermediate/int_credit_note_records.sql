with

invoices as (

    select * from {{ ref('int_invoices') }}

),

oversized as (

    {{ oversized_invoices() }}

),

stripe_refunds as (

    select * from {{ ref('stg_stripe__refunds') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

-- The part of a credit note that was given back as a refund is that refund's, and is not counted again.
gathered as (

    select
        credit_note_id,
        invoice_id,
        amount,
        issued_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__credit_notes') }}
    union all
    select
        credit_notes.credit_note_id,
        credit_notes.invoice_id,
        credit_notes.amount
        - case
            when credit_notes.refunded_amount > 0 then credit_notes.refunded_amount
            else coalesce(stripe_refunds.amount, 0)
        end as amount,
        credit_notes.issued_at,
        'stripe' as source,
        credit_notes._load_id,
        credit_notes._file,
        credit_notes._row
    from {{ ref('stg_stripe__credit_notes') }} as credit_notes
    left join stripe_refunds on credit_notes.refund_id = stripe_refunds.refund_id
    where credit_notes.status = 'issued'

),

compared as (

    select
        *,
        row_number() over sources as precedence,
        first_value(amount) over sources as first_amount,
        first_value(source) over sources as first_source
    from gathered
    window
        sources as (
            partition by credit_note_id
            order by case source when 'files' then 1 else 2 end, _load_id, _row
        )

),

final as (

    select
        compared.credit_note_id,
        compared.invoice_id,
        cast(compared.amount as {{ money() }}) as amount,
        compared.issued_at,
        compared.source,
        compared._load_id,
        compared._file,
        compared._row,
        case
            when compared.precedence > 1 then 'amount'
            when invoices.invoice_id is null or oversized.invoice_id is not null then 'invoice_id'
            when compared.amount <= 0 then 'amount'
        end as set_aside_field,
        case
            when compared.precedence > 1
                then
                    compared.source || ' says ' || compared.amount || ', ' || compared.first_source || ' says '
                    || compared.first_amount || ' under the same id: the latter stays'
            when invoices.invoice_id is null
                then 'no billed invoice ' || compared.invoice_id || ' yet: the credit note waits for it'
            when oversized.invoice_id is not null
                then
                    'invoice ' || compared.invoice_id || ' comes to ' || oversized.amount
                    || ', which is no amount of money here: correct its lines'
            when compared.amount < 0
                then 'a credit note of ' || compared.amount || ': give what is taken off as positive'
            when compared.amount = 0 then 'a credit note of 0 takes nothing off'
        end as set_aside_reason
    from compared
    left join invoices on compared.invoice_id = invoices.invoice_id
    left join oversized on compared.invoice_id = oversized.invoice_id
    cross join parameters
    where
        compared.issued_at <= parameters.as_of
        -- Nothing is left of one that was given back as a refund.
        and (compared.amount <> 0 or compared.source = 'files')
        and (compared.precedence = 1 or compared.amount <> compared.first_amount)

)

select * from final
