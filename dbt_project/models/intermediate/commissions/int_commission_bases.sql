with

parts as (

    select * from {{ ref('int_collected_parts') }}

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

orders as (

    select
        order_id as invoice_id,
        *
    from {{ ref('int_commission_orders') }}
    where order_kind = 'invoice'

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

exclusions as (

    select * from {{ ref('stg_plans__exclusions') }}

),

invoices as (

    select * from {{ ref('int_invoices') }}

),

invoice_lines as (

    select * from {{ ref('int_invoice_lines') }}

),

products as (

    select * from {{ ref('int_products') }}

),

fx_rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

first_payments as (

    select
        customer_id,
        min(occurred_at) as first_paid_at
    from movements
    where movement_kind = 'payment' and amount > 0 and customer_id is not null
    group by customer_id

),

shipping as (

    select product_id
    from products
    where lower(family) = 'shipping'

),

paying_orders as (

    select distinct
        invoice_id,
        plan_id,
        plan_version
    from orders
    where plan_id is not null

),

-- What the plan leaves out of an invoice: its excluded products, and shipping always.
excluded_nets as (

    select
        orders.invoice_id,
        orders.plan_id,
        orders.plan_version,
        sum(invoice_lines.net) as net
    from paying_orders as orders
    inner join invoice_lines using (invoice_id)
    left join exclusions
        on
            orders.plan_id = exclusions.plan_id
            and orders.plan_version = exclusions.plan_version
            and invoice_lines.product_id = exclusions.product_id
    left join shipping on invoice_lines.product_id = shipping.product_id
    where exclusions.product_id is not null or shipping.product_id is not null
    group by orders.invoice_id, orders.plan_id, orders.plan_version

),

joined as (

    select
        parts.movement_key,
        parts.payment_key,
        parts.part_number,
        parts.collected_so_far,
        parts.collected_before,
        parts.paid_at,
        movements.invoice_key,
        movements.currency,
        movements.kind_rank,
        movements.invoice_sequence,
        orders.partner_id,
        orders.share,
        orders.programme,
        orders.plan_id,
        orders.plan_version,
        orders.reason as order_reason,
        plans.model,
        plans.currency as plan_currency,
        plans.earn_months,
        plans.clawback_months,
        invoices.currency as invoice_currency,
        {{ local_day('first_payments.first_paid_at', 'plans.timezone') }} as first_paid_on,
        {{ local_day('movements.effective_at', "coalesce(plans.timezone, 'UTC')") }} as moved_on,
        {{ local_day('parts.paid_at', "coalesce(plans.timezone, 'UTC')") }} as paid_on,
        {{ to_units('parts.collected_so_far', 3) }} as mills_so_far,
        {{ to_units('parts.collected_before', 3) }} as mills_before,
        orders.share_numerator,
        orders.share_denominator,
        case
            when movements.invoice_gross > 0 then {{ to_units('movements.invoice_gross', 3) }} else 1
        end as gross_mills,
        {{ to_units('movements.invoice_net', 3) }} as net_mills,
        {{ to_units('greatest(movements.invoice_net - coalesce(excluded_nets.net, 0), 0)', 3) }} as eligible_mills
    from parts
    inner join movements using (movement_key)
    inner join invoices using (invoice_id)
    inner join orders using (invoice_id)
    left join plans
        on
            orders.plan_id = plans.plan_id
            and orders.plan_version = plans.plan_version
    left join first_payments on movements.customer_id = first_payments.customer_id
    left join excluded_nets
        on
            movements.invoice_id = excluded_nets.invoice_id
            and orders.plan_id = excluded_nets.plan_id
            and orders.plan_version = excluded_nets.plan_version

),

-- A refund has the decision of its payment, and the payment's rate of exchange.
decided as (

    select
        joined.*,
        case when currency <> plan_currency then currency end as converted_from,
        case
            when order_reason is not null then order_reason
            when currency <> invoice_currency then 'currency_mismatch'
            when model = 'fixed_fee' then 'fixed_fee_plan'
            when paid_on >= cast(first_paid_on + earn_months * interval 1 month as date) then 'outside_earn_window'
            when
                kind_rank > 1
                and moved_on >= cast(paid_on + clawback_months * interval 1 month as date)
                then 'outside_clawback_window'
        end as reason
    from joined

),

rated as (

    select
        decided.*,
        case
            when decided.currency = decided.plan_currency then cast(1 as {{ exact() }})
            else fx_rates.rate
        end as fx_rate,
        case when decided.currency = decided.plan_currency then decided.paid_on else fx_rates.quoted_on end as fx_date
    from decided
    left join fx_rates
        on
            decided.converted_from = fx_rates.from_currency
            and decided.plan_currency = fx_rates.to_currency
            and decided.paid_on = fx_rates.rate_date

),

-- Everything is a function of what the payment has brought so far, so that what goes out again leaves nothing behind.
measured as (

    select
        rated.*,
        {{ round_scaled_ratio('mills_so_far * net_mills', 10 ** 9, 'gross_mills') }} as order_net_so_far,
        {{ round_scaled_ratio('mills_before * net_mills', 10 ** 9, 'gross_mills') }} as order_net_before,
        {{ round_scaled_ratio('mills_so_far * eligible_mills', 10 ** 9, 'gross_mills') }} as order_base_so_far,
        {{ round_scaled_ratio('mills_before * eligible_mills', 10 ** 9, 'gross_mills') }} as order_base_before,
        case when converted_from is null then {{ 10 ** 10 }} else {{ to_units('fx_rate', 10) }} end as fx_units
    from rated

),

shared as (

    select
        measured.*,
        {{ round_ratio('order_net_so_far * share_numerator', 'share_denominator') }} as net_fine_so_far,
        {{ round_ratio('order_net_before * share_numerator', 'share_denominator') }} as net_fine_before,
        {{ round_ratio('order_base_so_far * share_numerator', 'share_denominator') }} as base_fine_so_far,
        {{ round_ratio('order_base_before * share_numerator', 'share_denominator') }} as base_fine_before
    from measured

),

final as (

    select
        {{ row_key() }} as base_key,
        movement_key,
        payment_key,
        part_number,
        invoice_key,
        partner_id,
        programme,
        plan_id,
        plan_version,
        plan_currency,
        reason,
        reason is null and fx_rate is null as is_without_rate,
        reason is null and fx_rate is not null as is_earning,
        share,
        fx_rate,
        fx_date,
        net_fine_so_far - net_fine_before as net_fine,
        base_fine_so_far - base_fine_before as base_fine,
        {{ round_ratio('base_fine_so_far * fx_units', 10 ** 10) }}
        - {{ round_ratio('base_fine_before * fx_units', 10 ** 10) }} as plan_fine,
        {{ round_ratio('base_fine_so_far * fx_units', 10 ** 10) }} as plan_fine_so_far,
        moved_on,
        paid_on,
        first_paid_on,
        invoice_sequence
    from shared

)

select * from final
