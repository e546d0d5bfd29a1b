{{ config(tags=['ledger']) }}

with

entitlement as (

    select * from {{ ref('int_commission_entitlement') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

held_partners as (

    select * from {{ ref('int_held_partners') }}

),

held_payments as (

    select * from {{ ref('int_held_payments') }}

),

withheld as (

    select * from {{ ref('int_commission_withheld') }}

),

bonuses as (

    select * from {{ ref('stg_plans__bonuses') }}

),

posted_lines as (

    select * from {{ ref('int_posted_lines') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

posted as (

    select
        commission_line_id as line_id,
        sum(amount) as amount,
        max(case when line_id = commission_line_id then payout_id end) as payout_id,
        max(case when line_id = commission_line_id then period end) as period
    from posted_lines
    group by commission_line_id

),

quarterly_plans as (

    select distinct plan_id from bonuses
    where metric = 'quarterly_revenue'

),

-- What holds a payment or deal, told of all its lines, of those too that take from it.
causes as (

    select
        line_id,
        case when fx_rate is null then 'missing_fx_rate' else 'missing_deal_amount' end as reason,
        1 as priority
    from entitlement
    where amount is null
    union all
    select
        entitlement.line_id,
        held_payments.reason,
        case when held_payments.is_hold then 2 else 4 end as priority
    from entitlement
    inner join held_payments on entitlement.payment_id = held_payments.payment_id
    where
        (held_payments.partner_id is null or entitlement.partner_id = held_payments.partner_id)
        and (held_payments.is_hold or entitlement.movement_kind <> 'deal')
    union all
    select
        entitlement.line_id,
        held_partners.reason,
        case when held_partners.is_hold then 3 else 5 end as priority
    from entitlement
    inner join held_partners on entitlement.partner_id = held_partners.partner_id

),

held as (

    select
        line_id,
        reason,
        row_number() over (partition by line_id order by priority, reason) as cause_number
    from causes

),

-- Only what is earned is ever kept out of a payout; what is taken back is not.
stated as (

    select
        entitlement.line_key,
        entitlement.amount,
        posted.payout_id,
        posted.amount as posted_amount,
        coalesce(posted.period, {{ month_text('entitlement.payable_on') }}) as period,
        coalesce(held.reason, withheld.reason) as reason,
        held.line_id is not null as is_held,
        case
            when held.line_id is null then coalesce(withheld.amount, 0)
            when {{ takes_back('entitlement') }} then least(coalesce(withheld.amount, 0), 0)
            else entitlement.amount
        end as withheld_amount,
        case
            when held.line_id is null then coalesce(withheld.base_amount, 0)
            when {{ takes_back('entitlement') }}
                then case when withheld.amount < 0 then withheld.base_amount else 0 end
            else entitlement.base_amount
        end as withheld_base_amount,
        case
            when quarterly_plans.plan_id is not null and plans.tier_basis = 'month'
                then cast(date_trunc('quarter', entitlement.paid_on) as date)
            else {{ basis_period('plans.tier_basis', 'entitlement.paid_on') }}
        end as period_of_withheld,
        case
            when entitlement.amount is null then true
            when held.line_id is null then coalesce(withheld.amount, 0) = entitlement.amount and entitlement.amount > 0
            else not {{ takes_back('entitlement') }}
        end as waits,
        entitlement.payable_on > {{ local_day('parameters.as_of', 'plans.timezone') }} as is_later
    from entitlement
    cross join parameters
    inner join plans
        on
            entitlement.plan_id = plans.plan_id
            and entitlement.plan_version = plans.plan_version
    left join posted on entitlement.line_id = posted.line_id
    left join held
        on
            entitlement.line_id = held.line_id
            and held.cause_number = 1
    left join withheld on entitlement.line_key = withheld.line_key
    left join quarterly_plans on entitlement.plan_id = quarterly_plans.plan_id

),

placed as (

    select
        stated.*,
        case
            when posted_amount = amount then 'posted'
            when waits then 'held'
            when is_later then 'scheduled'
            else 'payable'
        end as status
    from stated

),

final as (

    select
        line_key,
        payout_id,
        period,
        status,
        case when status <> 'posted' and (waits or withheld_amount <> 0) then reason end as hold_reason,
        is_held,
        cast(withheld_amount as {{ money() }}) as withheld_amount,
        cast(withheld_base_amount as {{ money() }}) as withheld_base_amount,
        case when withheld_amount <> 0 then period_of_withheld end as withheld_period
    from placed

)

select * from final
