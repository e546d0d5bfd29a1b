with

re_rates as (

    select * from {{ ref('int_commission_re_rates') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

held_bases as (

    select * from {{ ref('int_held_bases') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

drops as (

    select * from re_rates
    where direction = -1

),

-- Tiers that a held payment reaches, and what loses them: what others earn by them is in its line, which waits.
uplifts as (

    select
        re_rates.base_key,
        re_rates.invoice_key,
        re_rates.partner_id,
        re_rates.plan_id,
        re_rates.re_rated_version as plan_version,
        re_rates.basis_period,
        re_rates.rate_units,
        held_bases.reason,
        min(drops.base_key) as drop_key
    from re_rates
    inner join held_bases using (base_key)
    left join drops
        on
            re_rates.invoice_key = drops.invoice_key
            and re_rates.partner_id = drops.partner_id
            and re_rates.plan_id = drops.plan_id
            and re_rates.re_rated_version = drops.re_rated_version
            and re_rates.basis_period = drops.basis_period
            and re_rates.base_key < drops.base_key
    where re_rates.direction = 1 and re_rates.rate_units > 0 and held_bases.movement_key = held_bases.payment_key
    group by {{ first_columns(8) }}

),

-- The free payments of these invoices and periods that were there before, and what they brought and lost.
lifted as (

    select
        uplifts.base_key as uplift_key,
        uplifts.basis_period,
        uplifts.rate_units,
        uplifts.reason,
        uplifts.drop_key,
        bases.base_key,
        bases.payment_key,
        bases.invoice_key,
        bases.partner_id,
        bases.plan_id,
        bases.plan_version,
        bases.plan_fine
    from uplifts
    inner join bases
        on
            uplifts.invoice_key = bases.invoice_key
            and uplifts.partner_id = bases.partner_id
            and uplifts.plan_id = bases.plan_id
            and uplifts.plan_version = bases.plan_version
    inner join plans
        on
            bases.plan_id = plans.plan_id
            and bases.plan_version = plans.plan_version
            and uplifts.basis_period = {{ basis_period('plans.tier_basis', 'bases.paid_on') }}
    inner join bases as first_bases
        on
            bases.payment_key = first_bases.payment_key
            and bases.payment_key = first_bases.movement_key
            and bases.partner_id = first_bases.partner_id
            and uplifts.base_key > first_bases.base_key
    left join held_bases on bases.base_key = held_bases.base_key
    where held_bases.base_key is null

),

-- Their losses take at the rate that was reached, in lines of the payments' own; until the tier is lost again.
own_losses as (

    select
        lifted.base_key,
        'percentage' as component,
        cast(null as {{ text_type() }}) as slice,
        lifted.payment_key,
        min(lifted.reason) as reason,
        max(lifted.plan_fine) * sum(lifted.rate_units) as exact_e20
    from lifted
    where
        lifted.plan_fine < 0
        and lifted.base_key > lifted.uplift_key
        and (lifted.drop_key is null or lifted.base_key <= lifted.drop_key)
    group by lifted.base_key, lifted.payment_key

),

-- What loses the tier takes it from all that stands.
lost as (

    select
        drops.base_key,
        drops.slice,
        drops.rate_units as lost_units,
        lifted.uplift_key,
        lifted.payment_key,
        lifted.rate_units,
        min(lifted.reason) as reason,
        cast(sum(lifted.plan_fine) as {{ wide_integer() }}) as standing_fine
    from drops
    inner join lifted
        on
            drops.invoice_key = lifted.invoice_key
            and drops.partner_id = lifted.partner_id
            and drops.plan_id = lifted.plan_id
            and drops.re_rated_version = lifted.plan_version
            and drops.basis_period = lifted.basis_period
            and drops.base_key = lifted.drop_key
            and drops.base_key >= lifted.base_key
    where drops.rate_units > 0
    group by {{ first_columns(6) }}

),

parts as (

    select * from own_losses
    union all
    select
        base_key,
        're_rate' as component,
        slice,
        payment_key,
        min(reason) as reason,
        -max(standing_fine) * least(max(lost_units), sum(rate_units)) as exact_e20
    from lost
    group by base_key, slice, payment_key

),

final as (

    select * from parts
    where exact_e20 < 0

)

select * from final
