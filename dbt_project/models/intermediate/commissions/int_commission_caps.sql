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

period_versions as (

    select * from {{ ref('int_commission_period_versions') }}

),

-- A cap is the month's and not a version's: everything that the plan earned in a capped month counts.
caps as (

    select
        plan_id,
        plan_currency,
        period as month,
        cap_per_period
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
dated as (

    select
        totalled.*,
        coalesce(bases.plan_currency, fees.plan_currency) as plan_currency,
        cast(date_trunc('month', coalesce(bases.paid_on, fees.closed_on)) as date) as month,
        coalesce(movements.effective_at, fees.closed_at) as effective_at,
        coalesce(movements.kind_rank, 0) as kind_rank,
        coalesce(movements.movement_id, fees.deal_id) as movement_id,
        coalesce(bases.part_number, 1) as part_number
    from totalled
    left join bases using (base_key)
    left join movements using (movement_key)
    left join fees on totalled.base_key = fees.fee_key

),

running as (

    select
        dated.*,
        caps.cap_per_period,
        sum(dated.amount) over (
            partition by dated.partner_id, dated.plan_id, dated.plan_currency, dated.month
            order by dated.effective_at, dated.kind_rank, dated.movement_id, dated.part_number
            rows between unbounded preceding and current row
        ) as total
    from dated
    inner join caps
        on
            dated.plan_id = caps.plan_id
            and dated.plan_currency = caps.plan_currency
            and dated.month = caps.month

),

final as (

    select
        base_key,
        partner_id,
        plan_id,
        plan_version,
        cast(
            least(total, cap_per_period) - least(total - amount, cap_per_period) - amount as {{ money() }}
        ) as amount
    from running
    where least(total, cap_per_period) - least(total - amount, cap_per_period) <> amount

)

select * from final
