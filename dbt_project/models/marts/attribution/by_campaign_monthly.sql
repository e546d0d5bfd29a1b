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
        {{ credit_totals('credits', 'parameters.reporting_currency') }}
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
