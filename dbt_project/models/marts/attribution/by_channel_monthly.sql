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
        {{ credit_totals('credits', 'parameters.reporting_currency') }}
    from credits
    cross join parameters
    group by credits.month, credits.model, credits.channel, credits.channel_group, parameters.reporting_currency

)

select * from final
