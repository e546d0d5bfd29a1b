with

payments as (

    select * from {{ ref('int_payments') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

disputes as (

    select * from {{ ref('int_disputes') }}

),

credit_notes as (

    select * from {{ ref('int_credit_notes') }}

),

invoice_lines as (

    select * from {{ ref('int_invoice_lines') }}

),

orders as (

    select * from {{ ref('int_orders') }}
    where order_kind = 'invoice'

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

refunded as (

    select
        payment_id,
        sum(amount) as amount,
        max(case when kind = 'dispute_lost' then 1 else 0 end) as has_lost_dispute
    from refunds
    group by payment_id

),

losses as (

    select refund_id
    from refunds
    where kind = 'dispute_lost'

),

-- A source that tells of a lost dispute without the withdrawal of the money: what was left of the payment is gone.
lost_disputes as (

    {% call first_of_each('disputes.payment_id', 'disputes.closed_at, disputes.dispute_id') %}
    select
        disputes.dispute_id,
        disputes.payment_id,
        disputes.closed_at,
        payments.amount - coalesce(refunded.amount, 0) as amount
    from disputes
    inner join payments using (payment_id)
    left join refunded using (payment_id)
    left join losses on disputes.dispute_id = losses.refund_id
    where
        disputes.status = 'lost'
        and losses.refund_id is null
        and disputes.closed_at is not null
        and coalesce(refunded.has_lost_dispute, 0) = 0
        and payments.amount > coalesce(refunded.amount, 0)
    {% endcall %}

),

movements as (

    select
        'payment' as movement_kind,
        1 as kind_rank,
        payment_id as movement_id,
        payment_id,
        invoice_id,
        currency,
        paid_at as occurred_at,
        amount,
        coalesce(from_credit, 0) as from_credit
    from payments
    union all
    select
        'credit_note' as movement_kind,
        2 as kind_rank,
        credit_notes.credit_note_id as movement_id,
        cast(null as {{ text_type() }}) as payment_id,
        credit_notes.invoice_id,
        orders.currency,
        credit_notes.issued_at as occurred_at,
        -credit_notes.amount as amount,
        0 as from_credit
    from credit_notes
    left join orders on credit_notes.invoice_id = orders.order_id
    union all
    select
        case when refunds.kind = 'dispute_lost' then 'dispute_lost' else 'refund' end as movement_kind,
        case when refunds.kind = 'dispute_lost' then 4 else 3 end as kind_rank,
        refunds.refund_id as movement_id,
        refunds.payment_id,
        payments.invoice_id,
        payments.currency,
        refunds.refunded_at as occurred_at,
        -refunds.amount as amount,
        0 as from_credit
    from refunds
    left join payments using (payment_id)
    union all
    select
        'dispute_lost' as movement_kind,
        4 as kind_rank,
        lost_disputes.dispute_id as movement_id,
        lost_disputes.payment_id,
        payments.invoice_id,
        payments.currency,
        lost_disputes.closed_at as occurred_at,
        -lost_disputes.amount as amount,
        0 as from_credit
    from lost_disputes
    left join payments using (payment_id)

),

-- Orders have a number, by which what follows is told apart: texts would take most of this model's time.
located as (

    select
        movements.*,
        orders.order_key,
        case when orders.order_key is null then coalesce(movements.invoice_id, movements.movement_id) end as unbilled_id
    from movements
    left join orders on movements.invoice_id = orders.order_id

),

unbilled as (

    select
        unbilled_id,
        -row_number() over (order by unbilled_id) as unbilled_key
    from located
    where unbilled_id is not null
    group by unbilled_id

),

-- What is not on a bill that is known stands for itself.
billed as (

    select
        {{ all_but(['unbilled_id'], 'located') }},
        coalesce(located.order_key, unbilled.unbilled_key) as bill_key
    from located
    left join unbilled using (unbilled_id)

),

-- A refund gives back the payment's cash first, then what was paid from credit; beyond the payment it is neither.
returned as (

    select
        billed.*,
        greatest(billed.occurred_at, coalesce(payments.paid_at, billed.occurred_at)) as effective_at,
        greatest(payments.amount - coalesce(payments.from_credit, 0), 0) as paid_cash,
        coalesce(payments.from_credit, 0) as paid_credit,
        sum(-billed.amount) over (
            partition by billed.payment_id
            order by
                greatest(billed.occurred_at, coalesce(payments.paid_at, billed.occurred_at)),
                billed.kind_rank,
                billed.movement_id
            rows between unbounded preceding and current row
        ) as given_back,
        -billed.amount as gives_back
    from billed
    left join payments using (payment_id)
    where billed.kind_rank > 2

),

given_back as (

    select
        *,
        occurred_at as effective_at,
        null as paid_cash,
        null as paid_credit,
        null as given_back,
        null as gives_back
    from billed
    where kind_rank <= 2
    union all
    select * from returned

),

-- A movement's key is its place among all movements, so that whoever orders movements orders integers.
ordered as (

    select
        *,
        row_number() over (order by effective_at, kind_rank, movement_id) as movement_key
    from given_back

),

settled as (

    select
        ordered.*,
        case kind_rank
            when 1 then greatest(amount - from_credit, 0)
            when 2 then 0
            else
                coalesce(
                    greatest(paid_cash - given_back, 0) - greatest(paid_cash - (given_back - gives_back), 0), 0
                )
        end as cash,
        case kind_rank
            when 1 then from_credit
            when 2 then 0
            else
                coalesce(
                    least(paid_credit, greatest(paid_cash + paid_credit - given_back, 0))
                    - least(paid_credit, greatest(paid_cash + paid_credit - (given_back - gives_back), 0)),
                    0
                )
        end as credit,
        case kind_rank when 2 then -amount else 0 end as noted
    from ordered

),

currency_numbers as (

    select
        currency,
        row_number() over (order by currency) as currency_number
    from settled
    where currency is not null
    group by currency

),

-- Windows over keys and amounts alone: what they carry costs more than what they do, and texts to sort by most of all.
billable as (

    select
        settled.movement_key,
        {{ number_pair('settled.bill_key', 'coalesce(currency_numbers.currency_number, 0)') }} as bill_currency_key,
        settled.cash,
        settled.noted,
        settled.credit
    from settled
    left join currency_numbers on settled.currency = currency_numbers.currency

),

running as (

    select
        movement_key,
        first_value(movement_key) over invoice_so_far as invoice_key,
        sum(cash) over invoice_so_far as cash_so_far,
        sum(noted) over invoice_so_far as noted_so_far,
        sum(credit) over invoice_so_far as credit_so_far
    from billable
    window invoice_so_far as (
        partition by bill_currency_key
        order by movement_key
        rows between unbounded preceding and current row
    )

),

invoiced as (

    select
        orders.order_key as bill_key,
        orders.currency,
        sum(invoice_lines.net) as net,
        sum(invoice_lines.net + coalesce(invoice_lines.tax, 0)) as gross
    from invoice_lines
    inner join orders on invoice_lines.invoice_id = orders.order_id
    group by orders.order_key, orders.currency

),

without_lines as (

    select billed.*
    from billed
    left join invoiced using (bill_key, currency)
    where invoiced.bill_key is null and billed.invoice_id is not null

),

-- An invoice that came without lines is taken to be what was paid for it, all of it net.
paid_invoices as (

    select
        bill_key,
        currency,
        min(case when kind_rank = 1 then occurred_at end) as first_paid_at,
        sum(case when kind_rank = 1 then amount else 0 end) as amount
    from without_lines
    group by bill_key, currency

),

noted_before as (

    select
        without_lines.bill_key,
        without_lines.currency,
        sum(-without_lines.amount) as amount
    from without_lines
    inner join paid_invoices using (bill_key, currency)
    where without_lines.kind_rank = 2 and without_lines.occurred_at < paid_invoices.first_paid_at
    group by without_lines.bill_key, without_lines.currency

),

values_of_invoices as (

    select * from invoiced
    union all
    select
        paid_invoices.bill_key,
        paid_invoices.currency,
        paid_invoices.amount + coalesce(noted_before.amount, 0) as net,
        paid_invoices.amount + coalesce(noted_before.amount, 0) as gross
    from paid_invoices
    left join noted_before using (bill_key, currency)

),

-- What the invoice has brought after each movement: cash that is still here, at most what is still owed in cash.
states as (

    select
        settled.*,
        values_of_invoices.net as invoice_net,
        values_of_invoices.gross as invoice_gross,
        running.invoice_key,
        running.cash_so_far,
        greatest(values_of_invoices.gross - running.noted_so_far - running.credit_so_far, 0) as owed_in_cash,
        greatest(
            values_of_invoices.gross
            - (running.noted_so_far - settled.noted)
            - (running.credit_so_far - settled.credit),
            0
        ) as owed_in_cash_before,
        case when settled.kind_rank > 2 then settled.payment_id end as returned_payment_id
    from settled
    inner join running using (movement_key)
    left join values_of_invoices using (bill_key, currency)

),

-- Before a movement there was what is there after it, less what it brought itself.
collected as (

    select
        states.*,
        greatest(least(states.cash_so_far, coalesce(states.owed_in_cash, states.cash_so_far)), 0) as collected_so_far,
        greatest(
            least(
                states.cash_so_far - states.cash,
                coalesce(states.owed_in_cash_before, states.cash_so_far - states.cash)
            ),
            0
        ) as collected_before,
        {{ mills_per_minor_unit('currencies.minor_unit') }} as minor_mills,
        {{ to_units('coalesce(invoice_net, 1)', 3) }} as net_mills,
        {{ to_units('case when invoice_gross > 0 then invoice_gross else 1 end', 3) }} as gross_mills
    from states
    left join currencies using (currency)

),

counted as (

    select
        collected.*,
        {{ to_units('collected_so_far', 3) }} * net_mills as net_product_so_far,
        {{ to_units('collected_before', 3) }} * net_mills as net_product_before,
        gross_mills * minor_mills as gross_product
    from collected

),

-- The net part of it, rounded so that the parts of an invoice sum to its rounded whole.
net as (

    select
        counted.*,
        {{ round_ratio('net_product_so_far', 'gross_product') }} * minor_mills as net_mills_so_far,
        {{ round_ratio('net_product_before', 'gross_product') }} * minor_mills as net_mills_before
    from counted

),

payment_keys as (

    select
        payment_id,
        movement_key
    from ordered
    where kind_rank = 1

),

final as (

    select
        net.movement_key,
        case when net.kind_rank = 1 then net.movement_key else payment_keys.movement_key end as payment_key,
        net.invoice_key,
        net.movement_kind,
        net.movement_id,
        net.payment_id,
        net.invoice_id,
        orders.deal_id,
        orders.customer_id,
        net.currency,
        net.occurred_at,
        orders.order_at,
        cast(net.amount as {{ money() }}) as amount,
        cast(
            {{ mills_to_money('net.net_mills_so_far - net.net_mills_before') }}
            as {{ money() }}
        ) as net_collected,
        cast(net.collected_so_far - net.collected_before as {{ money() }}) as collected,
        cast(net.cash as {{ money() }}) as cash,
        cast(net.credit as {{ money() }}) as credit,
        cast(net.noted as {{ money() }}) as noted,
        cast(net.invoice_net as {{ money() }}) as invoice_net,
        cast(net.invoice_gross as {{ money() }}) as invoice_gross,
        cast(net.owed_in_cash as {{ money() }}) as owed_in_cash,
        net.effective_at,
        net.kind_rank,
        net.order_key
    from net
    left join orders using (order_key)
    left join payment_keys on net.returned_payment_id = payment_keys.payment_id

)

select * from final
