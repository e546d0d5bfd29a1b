with

slices as (

    select * from {{ ref('int_commission_slices') }}
    where re_rated_version is null

),

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

plans as (

    {{ numbered_plans() }}

),

rates as (

    select * from {{ ref('int_commission_rates') }}
    where component = 'percentage'

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

-- What is not on the top: what a payment brings later on, and what other versions of the plan stand on.
moved as (

    select base_key from bases
    where movement_key <> payment_key
    union
    select base_key from slices
    where component = 're_rate'

),

changes as (

    select
        bases.base_key,
        bases.movement_key,
        bases.payment_key,
        bases.partner_id,
        bases.partner_key,
        bases.plan_id,
        bases.plan_version,
        bases.plan_currency,
        bases.paid_on,
        bases.plan_fine,
        bases.plan_fine_so_far,
        cast(sum(slices.slice_fine * slices.rate_units) as {{ wide_integer() }}) as exact_e20,
        cast(
            sum(case when slices.component = 'percentage' then slices.slice_fine * slices.rate_units else 0 end)
            as {{ wide_integer() }}
        ) as own_e20
    from moved
    inner join bases using (base_key)
    inner join slices using (base_key)
    group by {{ first_columns(11) }}

),

changed_payments as (

    select distinct
        payment_key,
        partner_id
    from changes

),

-- Where a payment stood in the tiers when it came.
places as (

    select
        bases.payment_key,
        bases.partner_id,
        {{ first_known('slices.starts_at', 'bases.base_key') }} as starts_at
    from bases
    inner join changed_payments using (payment_key, partner_id)
    inner join slices using (base_key)
    where slices.starts_at is not null
    group by bases.payment_key, bases.partner_id

),

-- What the tiers that the payment stood in then make of the change.
placed as (

    select
        changes.base_key,
        cast(
            sum(
                rates.rate_units * (
                    greatest(
                        least(places.starts_at + changes.plan_fine_so_far, rates.to_fine)
                        - greatest(places.starts_at, rates.from_fine),
                        0
                    )
                    - greatest(
                        least(places.starts_at + changes.plan_fine_so_far - changes.plan_fine, rates.to_fine)
                        - greatest(places.starts_at, rates.from_fine),
                        0
                    )
                )
            ) as {{ wide_integer() }}
        ) as own_e20
    from changes
    inner join places using (payment_key, partner_id)
    inner join rates using (plan_id, plan_version)
    group by changes.base_key

),

shifted as (

    select
        changes.*,
        plans.rounding,
        plans.basis_key,
        {{ basis_period('plans.tier_basis', 'changes.paid_on') }} as basis_period,
        {{ exact_per_minor_unit('currencies.minor_unit') }} as minor_exact,
        changes.exact_e20 - coalesce(placed.own_e20, changes.own_e20) as shift_e20
    from changes
    inner join plans using (plan_id, plan_version)
    left join currencies on changes.plan_currency = currencies.currency
    left join placed using (base_key)

),

-- The running total of a partner's basis period is what is rounded: nothing is left of what is all given back.
running as (

    select
        shifted.*,
        cast(
            sum(shift_e20) over (
                partition by partner_key, basis_key, basis_period
                order by base_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as shift_e20_so_far
    from shifted
    where shift_e20 <> 0

),

stated as (

    select
        running.*,
        {{ round_ratio('shift_e20_so_far', 10 ** 10) }} as units_so_far,
        {{ round_ratio('(shift_e20_so_far - shift_e20)', 10 ** 10) }} as units_before
    from running

),

final as (

    select
        base_key,
        movement_key,
        partner_id,
        shift_e20,
        {{ round_ratio('units_so_far', 'minor_exact', 'rounding') }}
        - {{ round_ratio('units_before', 'minor_exact', 'rounding') }} as unit_count
    from stated

)

select * from final
