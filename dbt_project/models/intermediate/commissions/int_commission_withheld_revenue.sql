with

re_rates as (

    select * from {{ ref('int_commission_re_rates') }}

),

bonuses as (

    select * from {{ ref('int_commission_bonuses') }}
    where direction <> 0 and rate is not null

),

held_bases as (

    select * from {{ ref('int_held_bases') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

-- What held payments have brought, and lost.
held as (

    select
        held_bases.*,
        {{ basis_period('plans.tier_basis', 'held_bases.paid_on') }} as basis_period
    from held_bases
    inner join plans
        on
            held_bases.plan_id = plans.plan_id
            and held_bases.plan_version = plans.plan_version

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
    inner join held
        on
            bonuses.partner_id = held.partner_id
            and bonuses.plan_id = held.plan_id
            and bonuses.plan_currency = held.plan_currency
            and bonuses.period = {{ bonus_period('bonuses.metric', 'held.paid_on') }}
            and bonuses.base_key > held.base_key
    group by bonuses.base_key, bonuses.slice

),

final as (

    select
        base_key,
        component,
        slice,
        payment_key,
        reason,
        base_fine,
        base_fine * rate_units as exact_e20
    from parts
    where base_fine * rate_units <> 0

)

select * from final
