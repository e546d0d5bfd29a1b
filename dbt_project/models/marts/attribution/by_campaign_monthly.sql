with

credits as (

    select * from {{ ref('int_credits_monthly') }}

),

activities as (

    select * from {{ ref('int_activities') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

final as (

    select
        credits.month,
        credits.model,
        credits.campaign_id,
        activities.name as campaign_name,
        activities.kind as campaign_kind,
        activities.partner_id,
        cast(sum(credits.conversions) as decimal(28, 12)) as conversions,
        cast(sum(credits.revenue) as {{ money_total() }}) as revenue,
        parameters.reporting_currency as currency,
        cast(
            sum(case when credits.conversion_kind = 'deal' then credits.conversions else 0 end) as decimal(28, 12)
        ) as deals,
        cast(
            sum(case when credits.conversion_kind = 'lead' then credits.conversions else 0 end) as decimal(28, 12)
        ) as leads,
        cast(sum(credits.conversions_without_rate) as decimal(28, 12)) as conversions_without_rate
    from credits
    cross join parameters
    left join activities on credits.campaign_id = activities.activity_id
    group by
        credits.month,
        credits.model,
        credits.campaign_id,
        activities.name,
        activities.kind,
        activities.partner_id,
        parameters.reporting_currency

)

select * from final
