with

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

fees as (

    select * from {{ ref('int_commission_fees') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

earned as (

    select
        plan_id,
        plan_currency,
        paid_on as earned_on
    from bases
    union all
    select
        plan_id,
        plan_currency,
        closed_on as earned_on
    from fees

),

months as (

    select distinct
        plan_id,
        plan_currency,
        cast(date_trunc('month', earned_on) as date) as month
    from earned

),

periods as (

    select
        plan_id,
        plan_currency,
        'month' as period_kind,
        month as period,
        {{ months_after('month', 1) }} as next_period
    from months
    union all
    select distinct
        plan_id,
        plan_currency,
        'quarter' as period_kind,
        cast(date_trunc('quarter', month) as date) as period,
        {{ months_after("date_trunc('quarter', month)", 3) }} as next_period
    from months

),

-- The version of the last day; after the last version that one, before the first that one.
ranked as (

    select
        periods.plan_id,
        periods.plan_currency,
        periods.period_kind,
        periods.period,
        plans.plan_version,
        plans.cap_per_period,
        row_number() over (
            partition by periods.plan_id, periods.plan_currency, periods.period_kind, periods.period
            order by
                case when plans.effective_from < periods.next_period then plans.effective_from end desc nulls last,
                plans.effective_from asc
        ) as version_rank
    from periods
    inner join plans
        on
            periods.plan_id = plans.plan_id
            and periods.plan_currency = plans.currency

),

final as (

    select
        plan_id,
        plan_currency,
        period_kind,
        period,
        plan_version,
        cap_per_period
    from ranked
    where version_rank = 1

)

select * from final
