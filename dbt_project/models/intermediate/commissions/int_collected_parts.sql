with

movements as (

    select
        movement_key,
        payment_key,
        invoice_key,
        movement_kind,
        payment_id,
        effective_at,
        cash,
        credit,
        owed_in_cash,
        collected
    from {{ ref('int_billing_movements') }}

),

-- Invoices of which something was given back, credited or paid from credit: there a movement may change what an
-- earlier payment has collected. Anywhere else, which is nearly everywhere, a payment changes its own part alone.
revised as (

    select distinct invoice_key
    from movements
    where movement_kind <> 'payment' or credit <> 0

),

plain_payments as (

    select movements.*
    from movements
    left join revised using (invoice_key)
    where revised.invoice_key is null

),

revised_movements as (

    select movements.*
    from movements
    inner join revised using (invoice_key)

),

payments as (

    select
        movement_key as payment_key,
        payment_id,
        invoice_key,
        effective_at as paid_at
    from revised_movements
    where movement_kind = 'payment'

),

-- Each movement of an invoice meets each payment that was there before it, to see what it changed of that payment.
grid as (

    select
        revised_movements.movement_key,
        revised_movements.movement_kind,
        revised_movements.invoice_key,
        revised_movements.effective_at,
        revised_movements.owed_in_cash,
        payments.payment_key,
        payments.payment_id,
        payments.paid_at,
        sum(
            case when revised_movements.payment_key = payments.payment_key then revised_movements.cash else 0 end
        ) over (
            partition by payments.payment_key
            order by revised_movements.movement_key
            rows between unbounded preceding and current row
        ) as cash_so_far
    from revised_movements
    inner join payments
        on
            revised_movements.invoice_key = payments.invoice_key
            and revised_movements.movement_key >= payments.payment_key

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
                        partition by movement_key
                        order by payment_key
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
            partition by payment_key order by movement_key
        ) as collected
    from covered

),

final as (

    select
        movement_key,
        payment_key,
        row_number() over (partition by movement_key order by payment_id) as part_number,
        cast(collected as {{ money() }}) as collected,
        cast(collected_so_far as {{ money() }}) as collected_so_far,
        cast(collected_so_far - collected as {{ money() }}) as collected_before,
        paid_at,
        movement_kind,
        effective_at,
        invoice_key
    from changes
    where collected <> 0
    union all
    select
        movement_key,
        payment_key,
        1 as part_number,
        collected,
        collected as collected_so_far,
        cast(0 as {{ money() }}) as collected_before,
        effective_at as paid_at,
        movement_kind,
        effective_at,
        invoice_key
    from plain_payments
    where collected <> 0

)

select * from final
