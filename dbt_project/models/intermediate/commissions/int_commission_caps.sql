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
    where cap_per_period is not null

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

capped as (

    select
        amounts.base_key,
        amounts.partner_id,
        amounts.plan_id,
        amounts.plan_version,
        plans.cap_per_period,
        sum(amounts.amount) as amount
    from amounts
    inner join plans using (plan_id, plan_version)
    group by
        amounts.base_key, amounts.partner_id, amounts.plan_id, amounts.plan_version, plans.cap_per_period

),

-- The cap is the month's in which the payment, or the deal's close, was: a later loss is measured against its total.
dated as (

    select
        capped.*,
        cast(date_trunc('month', coalesce(bases.paid_on, fees.closed_on)) as date) as month,
        coalesce(movements.effective_at, fees.closed_at) as effective_at,
        coalesce(movements.kind_rank, 0) as kind_rank,
        coalesce(movements.movement_id, fees.deal_id) as movement_id,
        coalesce(bases.part_number, 1) as part_number
    from capped
    left join bases using (base_key)
    left join movements using (movement_key)
    left join fees on capped.base_key = fees.fee_key

),

running as (

    select
        dated.*,
        sum(amount) over (
            partition by partner_id, plan_id, plan_version, month
            order by effective_at, kind_rank, movement_id, part_number
            rows between unbounded preceding and current row
        ) as total
    from dated

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
