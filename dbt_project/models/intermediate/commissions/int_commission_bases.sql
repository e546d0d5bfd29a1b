with

parts as (

    select * from {{ ref('int_collected_parts') }}

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

orders as (

    select * from {{ ref('int_commission_orders') }}
    where order_kind = 'invoice'

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

exclusions as (

    select * from {{ ref('stg_plans__exclusions') }}

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

frozen_rates as (

    select * from {{ ref('int_commission_frozen_rates') }}

),

-- An invoice is known by its first movement, one for each currency that it was paid in.
billed as (

    select
        invoice_key,
        order_key,
        customer_id,
        currency,
        invoice_net,
        invoice_gross
    from movements
    where movement_key = invoice_key

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

left_out_products as (

    select product_id from exclusions
    union
    select product_id from shipping

),

-- What the plan leaves out of an invoice: its excluded products, and shipping always.
excluded_nets as (

    select
        orders.order_key,
        orders.partner_id,
        sum(invoice_lines.net) as net
    from invoice_lines
    inner join left_out_products using (product_id)
    inner join orders on invoice_lines.invoice_id = orders.order_id
    left join exclusions
        on
            orders.plan_id = exclusions.plan_id
            and orders.plan_version = exclusions.plan_version
            and invoice_lines.product_id = exclusions.product_id
    left join shipping on invoice_lines.product_id = shipping.product_id
    where
        orders.plan_id is not null
        and (exclusions.product_id is not null or shipping.product_id is not null)
    group by orders.order_key, orders.partner_id

),

-- What is the same for all movements of an invoice, worked out once for each partner that is paid on it.
invoice_orders as (

    select
        billed.invoice_key,
        orders.partner_id,
        orders.partner_key,
        orders.partner_number,
        orders.share,
        orders.share_numerator,
        orders.share_denominator,
        orders.programme,
        orders.plan_id,
        orders.plan_version,
        plans.currency as plan_currency,
        plans.earn_months,
        plans.clawback_months,
        coalesce(plans.timezone, 'UTC') as timezone,
        case when billed.currency <> plans.currency then billed.currency end as converted_from,
        case
            when orders.reason is not null then orders.reason
            when billed.currency <> orders.currency then 'currency_mismatch'
            when plans.model = 'fixed_fee' then 'fixed_fee_plan'
        end as reason,
        {{ local_day('first_payments.first_paid_at', 'plans.timezone') }} as first_paid_on,
        case when billed.invoice_gross > 0 then {{ to_units('billed.invoice_gross', 3) }} else 1 end as gross_mills,
        {{ to_units('billed.invoice_net', 3) }} as net_mills,
        -- A rebate on what is left out (free shipping) is one on the invoice: no more is earned on than was billed.
        {{ to_units(
            'least(greatest(billed.invoice_net - coalesce(excluded_nets.net, 0), 0), greatest(billed.invoice_net, 0))', 3
        ) }} as eligible_mills
    from billed
    inner join orders using (order_key)
    left join plans
        on
            orders.plan_id = plans.plan_id
            and orders.plan_version = plans.plan_version
    left join first_payments on billed.customer_id = first_payments.customer_id
    left join excluded_nets
        on
            orders.order_key = excluded_nets.order_key
            and orders.partner_id = excluded_nets.partner_id

),

dated as (

    select
        parts.movement_key,
        parts.payment_key,
        parts.part_number,
        parts.movement_kind,
        parts.effective_at,
        parts.paid_at,
        invoice_orders.*,
        {{ local_day('parts.paid_at', 'invoice_orders.timezone') }} as paid_on,
        {{ to_units('parts.collected_so_far', 3) }} as mills_so_far,
        {{ to_units('parts.collected_before', 3) }} as mills_before
    from parts
    inner join invoice_orders using (invoice_key)

),

placed as (

    select
        {{ all_but(['timezone'], 'dated') }},
        case
            when effective_at = paid_at then paid_on
            else {{ local_day('effective_at', 'timezone') }}
        end as moved_on
    from dated

),

-- A refund has the decision of its payment, and the payment's rate of exchange, if the whole invoice stays money at it.
decided as (

    select
        {{ all_but(['reason'], 'placed') }},
        case
            when reason is not null then reason
            when paid_on >= {{ months_after('first_paid_on', 'earn_months') }} then 'outside_earn_window'
            when
                movement_kind <> 'payment'
                and moved_on >= {{ months_after('paid_on', 'clawback_months') }}
                then 'outside_clawback_window'
        end as reason
    from placed

),

-- Where the source lost the quote that a payment was posted at, its rate is that still: the line froze it.
rated as (

    select
        decided.*,
        case
            when decided.plan_currency is not null and decided.converted_from is null then cast(1 as {{ exact() }})
            when {{ is_convertible('decided.gross_mills / 1e3', 'coalesce(frozen_rates.rate, fx_rates.rate)') }}
                then coalesce(frozen_rates.rate, fx_rates.rate)
        end as fx_rate,
        case
            when decided.plan_currency is not null and decided.converted_from is null then decided.paid_on
            when {{ is_convertible('decided.gross_mills / 1e3', 'coalesce(frozen_rates.rate, fx_rates.rate)') }}
                then coalesce(frozen_rates.quoted_on, fx_rates.quoted_on)
        end as fx_date
    from decided
    left join fx_rates
        on
            decided.converted_from = fx_rates.from_currency
            and decided.plan_currency = fx_rates.to_currency
            and decided.paid_on = fx_rates.rate_date
    left join frozen_rates
        on
            decided.payment_key = frozen_rates.payment_key
            and decided.converted_from = frozen_rates.from_currency
            and decided.plan_currency = frozen_rates.to_currency
            and decided.paid_on = frozen_rates.rate_date

),

-- Everything is a function of what the payment has brought so far, so that what goes out again leaves nothing behind.
measured as (

    select
        rated.*,
        {{ fine_part('mills_so_far', 'net_mills', 'gross_mills') }} as order_net_so_far,
        {{ fine_part('mills_before', 'net_mills', 'gross_mills') }} as order_net_before,
        case when converted_from is null then {{ 10 ** 10 }} else {{ to_units('fx_rate', 10) }} end as fx_units
    from rated

),

-- Few plans leave something out, and few orders are shared.
based as (

    select
        measured.*,
        case
            when eligible_mills = net_mills then order_net_so_far
            else {{ fine_part('mills_so_far', 'eligible_mills', 'gross_mills') }}
        end as order_base_so_far,
        case
            when eligible_mills = net_mills then order_net_before
            else {{ fine_part('mills_before', 'eligible_mills', 'gross_mills') }}
        end as order_base_before
    from measured

),

shared as (

    select
        based.*,
        {{ round_ratio('order_net_so_far * share_numerator', 'share_denominator') }} as net_fine_so_far,
        {{ round_ratio('order_net_before * share_numerator', 'share_denominator') }} as net_fine_before,
        {{ round_ratio('order_base_so_far * share_numerator', 'share_denominator') }} as base_fine_so_far,
        {{ round_ratio('order_base_before * share_numerator', 'share_denominator') }} as base_fine_before
    from based

),

final as (

    select
        {{ base_key('movement_key', 'part_number', 'partner_number') }} as base_key,
        movement_key,
        payment_key,
        part_number,
        invoice_key,
        partner_id,
        partner_key,
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
        first_paid_on
    from shared

)

select * from final
