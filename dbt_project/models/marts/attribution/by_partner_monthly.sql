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
        credits.partner_id,
        {{ credit_totals('credits', 'parameters.reporting_currency') }}
    from credits
    cross join parameters
    where credits.partner_id is not null
    group by credits.month, credits.model, credits.partner_id, parameters.reporting_currency

)

select * from final
