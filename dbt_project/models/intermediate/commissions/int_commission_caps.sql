with

earned as (

    select * from {{ ref('int_commission_earned') }}

),

bonuses as (

    select * from {{ ref('int_commission_bonuses') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

fees as (

    select * from {{ ref('int_commission_fees') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

period_versions as (

    select * from {{ ref('int_commission_period_versions') }}

),

-- A cap is the month's and not a version's: everything that the plan earned in a capped month counts.
caps as (

    select
        plan_id,
        plan_currency,
        period as month,
        cap_per_period,
        row_number() over (order by plan_id, plan_currency, period) as cap_key,
        dense_rank() over (order by plan_id, plan_currency) as basis_key
    from period_versions
    where
        period_kind = 'month'
        and cap_per_period is not null

),

capped_plans as (

    select distinct plan_id
    from caps

),

amounts as (

    select
        base_key,
        partner_id,
        plan_id,
        plan_version,
        amount
    from earned
    union all
    select
        base_key,
        partner_id,
        plan_id,
        plan_version,
        amount
    from bonuses

),

totalled as (

    select
        amounts.base_key,
        amounts.partner_id,
        amounts.plan_id,
        amounts.plan_version,
        sum(amounts.amount) as amount
    from amounts
    inner join capped_plans using (plan_id)
    group by amounts.base_key, amounts.partner_id, amounts.plan_id, amounts.plan_version

),

-- The cap is the month's in which the payment, or the deal's close, was: a later loss is measured against its total.
-- What is of one instant has a place: deals first, by their ids, then the bases, whose keys are in their order.
dated as (

    select
        totalled.*,
        coalesce(bases.partner_key, fees.partner_key) as partner_key,
        coalesce(bases.plan_currency, fees.plan_currency) as plan_currency,
        cast(date_trunc('month', coalesce(bases.paid_on, fees.closed_on)) as date) as month,
        {{ basis_period('plans.tier_basis', 'coalesce(bases.paid_on, fees.closed_on)') }} as basis_period,
        coalesce(movements.effective_at, fees.closed_at) as effective_at,
        coalesce(bases.base_key, -fees.deal_key - {{ 10 ** 18 }}) as place
    from totalled
    left join bases using (base_key)
    left join movements using (movement_key)
    left join fees on totalled.base_key = fees.fee_key
    left join plans
        on
            totalled.plan_id = plans.plan_id
            and totalled.plan_version = plans.plan_version

),

running as (

    select
        dated.*,
        caps.cap_per_period,
        {{ number_pair('dated.partner_key', 'caps.basis_key') }} as basis_key,
        sum(dated.amount) over (
            partition by {{ number_pair('dated.partner_key', 'caps.cap_key') }}
            order by dated.effective_at, dated.place
            rows between unbounded preceding and current row
        ) as total
    from dated
    inner join caps
        on
            dated.plan_id = caps.plan_id
            and dated.plan_currency = caps.plan_currency
            and dated.month = caps.month

),

-- A tier that is lost takes back in the lost payment's month what it had given to any month of the basis period, capped
-- or not. So what a month is below zero by is first taken from what is above the caps of others.
spread as (

    select
        running.*,
        sum(
            greatest(total - cap_per_period, 0) - greatest(total - amount - cap_per_period, 0)
        ) over basis_so_far as above,
        greatest(total - cap_per_period, 0) - greatest(total - amount - cap_per_period, 0) as above_change,
        sum(greatest(-total, 0) - greatest(amount - total, 0)) over basis_so_far as below,
        greatest(-total, 0) - greatest(amount - total, 0) as below_change
    from running
    window basis_so_far as (
        partition by basis_key, basis_period
        order by effective_at, place
        rows between unbounded preceding and current row
    )

),

capped as (

    select
        base_key,
        partner_id,
        plan_id,
        plan_version,
        plan_currency,
        month,
        effective_at,
        place,
        least(above, below) - least(above - above_change, below - below_change) - above_change as amount
    from spread

),

final as (

    select
        base_key,
        partner_id,
        plan_id,
        plan_version,
        plan_currency,
        month,
        row_number() over (
            partition by partner_id, plan_id, plan_currency, month order by effective_at asc, place asc
        ) as month_number,
        cast(amount as {{ money() }}) as amount
    from capped
    where amount <> 0

)

select * from final
