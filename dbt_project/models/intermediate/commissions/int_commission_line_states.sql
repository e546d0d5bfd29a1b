{{ config(tags=['ledger']) }}

with

entitlement as (

    select * from {{ ref('int_commission_entitlement') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

partners as (

    select * from {{ ref('int_partners') }}

),

holds as (

    select * from {{ ref('int_holds') }}

),

disputes as (

    select * from {{ ref('int_disputes') }}

),

posted_lines as (

    select * from {{ ref('stg_ledger__payout_lines') }}

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

active_holds as (

    select
        holds.partner_id,
        holds.movement_id,
        min(holds.reason) as reason
    from holds
    cross join parameters
    where
        holds.placed_at <= parameters.as_of
        and (holds.released_at is null or holds.released_at > parameters.as_of)
    group by holds.partner_id, holds.movement_id

),

open_disputes as (

    select distinct disputes.payment_id
    from disputes
    cross join parameters
    where
        disputes.opened_at <= parameters.as_of
        and (
            disputes.status = 'open'
            or (disputes.closed_at is not null and disputes.closed_at > parameters.as_of)
        )

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
        active_holds.reason,
        2 as priority
    from entitlement
    inner join active_holds on entitlement.payment_id = active_holds.movement_id
    where active_holds.partner_id is null or entitlement.partner_id = active_holds.partner_id
    union all
    select
        entitlement.line_id,
        active_holds.reason,
        3 as priority
    from entitlement
    inner join active_holds on entitlement.partner_id = active_holds.partner_id
    where active_holds.movement_id is null
    union all
    select
        entitlement.line_id,
        'open_dispute' as reason,
        4 as priority
    from entitlement
    inner join open_disputes on entitlement.payment_id = open_disputes.payment_id
    where entitlement.movement_kind <> 'deal'
    union all
    select
        entitlement.line_id,
        'partner_suspended' as reason,
        5 as priority
    from entitlement
    inner join partners on entitlement.partner_id = partners.partner_id
    where lower(partners.status) = 'suspended'

),

held as (

    select
        line_id,
        reason,
        row_number() over (partition by line_id order by priority, reason) as cause_number
    from causes

),

stated as (

    select
        entitlement.line_key,
        posted.payout_id,
        coalesce(posted.period, {{ month_text('entitlement.payable_on') }}) as period,
        -- Only what is earned is ever kept out of a payout; what is taken back is not.
        case
            when posted.amount = entitlement.amount then 'posted'
            when entitlement.amount is null then 'held'
            when held.line_id is not null and not {{ takes_back('entitlement') }} then 'held'
            when entitlement.payable_on > {{ local_day('parameters.as_of', 'plans.timezone') }} then 'scheduled'
            else 'payable'
        end as status,
        held.reason,
        held.line_id is not null as is_held
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

),

final as (

    select
        line_key,
        payout_id,
        period,
        status,
        case when status = 'held' then reason end as hold_reason,
        is_held
    from stated

)

select * from final
