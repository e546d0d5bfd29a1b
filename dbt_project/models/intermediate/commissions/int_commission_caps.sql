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

fees as (

    select
        'deal' as movement_kind,
        *
    from {{ ref('int_commission_fees') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}
    where cap_per_period is not null

),

amounts as (

    select
        movement_kind,
        movement_id,
        payment_id,
        partner_id,
        plan_id,
        plan_version,
        amount
    from earned
    union all
    select
        movement_kind,
        movement_id,
        payment_id,
        partner_id,
        plan_id,
        plan_version,
        amount
    from bonuses

),

movements as (

    select
        movement_kind,
        movement_id,
        payment_id,
        partner_id,
        plan_id,
        plan_version,
        sum(amount) as amount
    from amounts
    group by movement_kind, movement_id, payment_id, partner_id, plan_id, plan_version

),

-- The cap is the month's in which the payment, or the deal's close, was: a later loss is measured against its total.
dated as (

    select
        movements.*,
        plans.cap_per_period,
        cast(date_trunc('month', coalesce(bases.paid_on, fees.closed_on)) as date) as month,
        coalesce(bases.effective_at, fees.closed_at) as effective_at,
        coalesce(bases.kind_rank, 0) as kind_rank
    from movements
    inner join plans using (plan_id, plan_version)
    left join bases using (movement_kind, movement_id, payment_id, partner_id)
    left join fees
        on
            movements.movement_kind = fees.movement_kind
            and movements.movement_id = fees.deal_id
            and movements.partner_id = fees.partner_id

),

running as (

    select
        dated.*,
        sum(amount) over (
            partition by partner_id, plan_id, plan_version, month
            order by effective_at, kind_rank, movement_id, payment_id
            rows between unbounded preceding and current row
        ) as total
    from dated

),

final as (

    select
        movement_kind,
        movement_id,
        payment_id,
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
