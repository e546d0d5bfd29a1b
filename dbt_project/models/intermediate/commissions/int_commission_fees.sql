with

orders as (

    select * from {{ ref('int_commission_orders') }}
    where order_kind = 'deal' and reason is null

),

deals as (

    select * from {{ ref('int_deals') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}
    where model in ('fixed_fee', 'hybrid')

),

rates as (

    select * from {{ ref('int_commission_rates') }}

),

fx_rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

closed as (

    select
        orders.order_id as deal_id,
        orders.partner_id,
        orders.partner_key,
        orders.share,
        orders.share_numerator,
        orders.share_denominator,
        orders.programme,
        plans.plan_id,
        plans.plan_version,
        plans.currency as plan_currency,
        plans.rounding,
        plans.payment_terms_days,
        plans.volume_period,
        deals.customer_id,
        deals.currency,
        deals.amount,
        deals.closed_at,
        {{ local_day('deals.closed_at', 'plans.timezone') }} as closed_on
    from orders
    inner join plans
        on
            orders.plan_id = plans.plan_id
            and orders.plan_version = plans.plan_version
    inner join deals on orders.order_id = deals.deal_id

),

-- The deal's place among the partner's deals of the plan's volume period: by close, then id.
counted as (

    select
        closed.*,
        case
            when volume_period is not null
                then row_number() over (
                        partition by
                            partner_id,
                            plan_id,
                            volume_period,
                            case volume_period
                                when 'month' then date_trunc('month', closed_on)
                                when 'quarter' then date_trunc('quarter', closed_on)
                                else date_trunc('year', closed_on)
                            end
                        order by closed_at, deal_id
                    )
        end as ordinal
    from closed

),

valued as (

    select
        counted.*,
        case
            when counted.currency = counted.plan_currency then 1
            when {{ is_convertible('coalesce(counted.amount, 0)', 'fx_rates.rate') }} then fx_rates.rate
        end as fx_rate,
        case
            when counted.currency = counted.plan_currency then counted.closed_on
            when {{ is_convertible('coalesce(counted.amount, 0)', 'fx_rates.rate') }} then fx_rates.quoted_on
        end as fx_date
    from counted
    left join fx_rates
        on
            case when counted.currency <> counted.plan_currency then counted.currency end = fx_rates.from_currency
            and counted.plan_currency = fx_rates.to_currency
            and counted.closed_on = fx_rates.rate_date

),

sized as (

    select
        valued.*,
        {{ round_ratio(
            to_units('amount', 12) ~ ' * ' ~ to_units('cast(fx_rate as ' ~ exact() ~ ')', 10), 10 ** 10
        ) }} as plan_fine
    from valued

),

priced as (

    select
        -{{ row_key() }} as fee_key,
        -dense_rank() over (order by sized.deal_id) as deal_key,
        sized.deal_id,
        sized.partner_id,
        sized.partner_key,
        sized.customer_id,
        sized.programme,
        sized.plan_id,
        sized.plan_version,
        sized.plan_currency,
        sized.rounding,
        sized.payment_terms_days,
        sized.share,
        sized.currency,
        -- A deal without an amount has a line without one, which is held until the deal is mended.
        coalesce(sized.amount, 0) as amount,
        cast(sized.fx_rate as {{ exact() }}) as fx_rate,
        sized.fx_date,
        sized.closed_at,
        sized.closed_on,
        sized.ordinal,
        fees.tier_number,
        fees.tier,
        fees.fee,
        coalesce(volumes.rate, 1) as volume_rate,
        sized.plan_fine is null as is_without_rate,
        sized.share_numerator,
        sized.share_denominator,
        {{ to_units('fees.fee', 3) }} * coalesce(volumes.rate_units, {{ 10 ** 8 }})
        * cast({{ 10 ** 9 }} as {{ wide_integer() }}) as fee_e20
    from sized
    left join rates as fees
        on
            sized.plan_id = fees.plan_id
            and sized.plan_version = fees.plan_version
            and fees.component = 'fixed_fee'
            and sized.plan_fine >= fees.from_fine
            and sized.plan_fine < fees.to_fine
    left join rates as volumes
        on
            sized.plan_id = volumes.plan_id
            and sized.plan_version = volumes.plan_version
            and volumes.component = 'volume'
            and sized.ordinal >= volumes.from_value
            and (sized.ordinal < volumes.to_value or volumes.to_value is null)
    where fees.fee is not null or sized.plan_fine is null

),

-- What the share's denominator leaves is shared out apart: a large fee times a share of twelve digits is no 38 digits.
final as (

    select
        {{ all_but(['share_numerator', 'share_denominator', 'fee_e20']) }},
        {{ whole_quotient('fee_e20', 'share_denominator') }} * share_numerator
        + {{ round_ratio(
            whole_remainder('fee_e20', 'share_denominator') ~ ' * share_numerator', 'share_denominator'
        ) }} as exact_e20
    from priced

)

select * from final
