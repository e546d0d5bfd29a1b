with

credits as (

    select * from {{ ref('int_credits_monthly') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

final as (

    select
        credits.month,
        credits.model,
        credits.channel,
        credits.channel_group,
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
    group by credits.month, credits.model, credits.channel, credits.channel_group, parameters.reporting_currency

)

select * from final
