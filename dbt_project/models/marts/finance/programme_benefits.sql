with

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

rates as (

    select * from {{ ref('stg_plans__rates') }}

),

benefits as (

    select * from {{ ref('tier_benefits') }}

),

final as (

    select
        plans.programme,
        plans.plan_id,
        plans.plan_version,
        plans.currency,
        plans.effective_from,
        plans.effective_to,
        rates.component,
        rates.tier,
        rates.from_value,
        rates.to_value,
        cast(rates.rate as {{ fraction() }}) as rate,
        rates.fee,
        benefits.training_level,
        benefits.marketing_level,
        benefits.events,
        benefits.support_level
    from plans
    inner join rates using (plan_id, plan_version)
    left join benefits
        on
            plans.programme = benefits.programme
            and rates.tier = benefits.tier

)

select * from final
