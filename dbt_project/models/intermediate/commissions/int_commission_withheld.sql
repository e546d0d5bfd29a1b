with

re_rates as (

    select * from {{ ref('int_commission_re_rates') }}

),

bonuses as (

    select * from {{ ref('int_commission_bonuses') }}
    where direction <> 0 and rate is not null

),

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

held_bases as (

    select * from {{ ref('int_held_bases') }}

),

entitlement as (

    select * from {{ ref('int_commission_entitlement') }}
    where component in ('re_rate', 'bonus')

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

-- What held payments have brought, and lost.
held as (

    select
        bases.base_key,
        bases.payment_key,
        bases.invoice_key,
        bases.partner_id,
        bases.plan_id,
        bases.plan_version,
        bases.plan_currency,
        bases.paid_on,
        bases.plan_fine,
        {{ basis_period('plans.tier_basis', 'bases.paid_on') }} as basis_period,
        held_bases.reason
    from held_bases
    inner join bases using (base_key)
    inner join plans
        on
            bases.plan_id = plans.plan_id
            and bases.plan_version = plans.plan_version

),

-- What is left of them is earned on anew by what moves the period to another tier, or to a bonus for all of it; what
-- moves it back takes from them.
parts as (

    select
        re_rates.base_key,
        're_rate' as component,
        re_rates.slice,
        held.payment_key,
        min(held.reason) as reason,
        cast(sum(held.plan_fine) as {{ wide_integer() }}) * max(re_rates.direction) as base_fine,
        max(re_rates.rate_units) as rate_units
    from re_rates
    inner join held
        on
            re_rates.invoice_key = held.invoice_key
            and re_rates.partner_id = held.partner_id
            and re_rates.plan_id = held.plan_id
            and re_rates.re_rated_version = held.plan_version
            and re_rates.basis_period = held.basis_period
            and (
                re_rates.base_key > held.base_key
                or (re_rates.base_key = held.base_key and re_rates.direction = -1)
            )
    group by re_rates.base_key, re_rates.slice, held.payment_key
    union all
    select
        bonuses.base_key,
        'bonus' as component,
        bonuses.slice,
        null as payment_key,
        min(held.reason) as reason,
        cast(sum(held.plan_fine) as {{ wide_integer() }}) * max(bonuses.direction) as base_fine,
        max({{ to_units('bonuses.rate', 8) }}) as rate_units
    from bonuses
    inner join bases using (base_key)
    inner join held
        on
            bases.partner_id = held.partner_id
            and bases.plan_id = held.plan_id
            and bases.plan_currency = held.plan_currency
            and bases.base_key > held.base_key
            and date_trunc('quarter', bases.paid_on) = date_trunc('quarter', held.paid_on)
    where
        bonuses.metric = 'quarterly_revenue'
        or date_trunc('month', bases.paid_on) = date_trunc('month', held.paid_on)
    group by bonuses.base_key, bonuses.slice

),

-- Rounded towards zero, of a tier payment by payment: a line is never less than its parts.
counted as (

    select
        parts.base_key,
        parts.component,
        parts.slice,
        parts.reason,
        parts.base_fine,
        currencies.minor_unit,
        {{ truncated_ratio(
            round_ratio('parts.base_fine * parts.rate_units', 10 ** 10), exact_per_minor_unit('currencies.minor_unit')
        ) }} as unit_count
    from parts
    inner join bases using (base_key)
    left join currencies on bases.plan_currency = currencies.currency
    where parts.base_fine * parts.rate_units <> 0

),

withheld as (

    select
        base_key,
        component,
        slice,
        min(reason) as reason,
        {{ mills_to_money(round_ratio('cast(sum(base_fine) as ' ~ wide_integer() ~ ')', 10 ** 9)) }} as base_amount,
        {{ minor_units_to_money('cast(sum(unit_count) as ' ~ wide_integer() ~ ')', 'max(minor_unit)') }} as amount
    from counted
    group by base_key, component, slice

),

final as (

    select
        entitlement.line_key,
        withheld.reason,
        bases.paid_on,
        cast(withheld.base_amount as {{ money() }}) as base_amount,
        cast(
            case
                when withheld.amount > 0 then least(withheld.amount, entitlement.amount)
                else greatest(withheld.amount, entitlement.amount)
            end as {{ money() }}
        ) as amount
    from withheld
    inner join bases using (base_key)
    inner join movements as payments on bases.payment_key = payments.movement_key
    inner join entitlement
        on
            bases.movement_key = entitlement.movement_key
            and payments.movement_id = entitlement.payment_id
            and bases.partner_id = entitlement.partner_id
            and bases.plan_id = entitlement.plan_id
            and bases.plan_version = entitlement.plan_version
            and withheld.component = entitlement.component
            and withheld.slice = entitlement.slice
    where withheld.amount * entitlement.amount > 0

)

select * from final
