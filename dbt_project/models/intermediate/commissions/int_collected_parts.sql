with

movements as (

    select * from {{ ref('int_billing_movements') }}

),

payments as (

    select
        payment_id,
        invoice_id,
        currency,
        effective_at as paid_at,
        invoice_sequence
    from movements
    where movement_kind = 'payment'

),

-- Each movement of an invoice meets each payment that was there before it, to see what it changed of that payment.
grid as (

    select
        movements.movement_kind,
        movements.movement_id,
        movements.invoice_sequence,
        movements.owed_in_cash,
        payments.payment_id,
        payments.invoice_id,
        payments.currency,
        payments.paid_at,
        payments.invoice_sequence as payment_sequence,
        sum(case when movements.payment_id = payments.payment_id then movements.cash else 0 end) over (
            partition by payments.payment_id
            order by movements.invoice_sequence
            rows between unbounded preceding and current row
        ) as cash_so_far
    from movements
    inner join payments
        on
            movements.invoice_id = payments.invoice_id
            and movements.currency = payments.currency
            and movements.invoice_sequence >= payments.invoice_sequence

),

-- What is owed in cash is covered by the payments in their order: the first one first.
covered as (

    select
        grid.*,
        greatest(
            least(
                cash_so_far,
                owed_in_cash - (
                    sum(cash_so_far) over (
                        partition by invoice_id, currency, invoice_sequence
                        order by payment_sequence
                        rows between unbounded preceding and current row
                    ) - cash_so_far
                )
            ),
            0
        ) as collected_so_far
    from grid

),

changes as (

    select
        covered.*,
        collected_so_far - lag(collected_so_far, 1, 0) over (
            partition by payment_id order by invoice_sequence
        ) as collected
    from covered

),

final as (

    select
        movement_kind,
        movement_id,
        payment_id,
        invoice_id,
        currency,
        cast(collected as {{ money() }}) as collected,
        cast(collected_so_far as {{ money() }}) as collected_so_far,
        cast(collected_so_far - collected as {{ money() }}) as collected_before,
        paid_at,
        payment_sequence
    from changes
    where collected <> 0

)

select * from final
