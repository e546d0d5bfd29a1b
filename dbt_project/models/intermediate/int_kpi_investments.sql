with

costs as (

    select * from {{ ref('int_partner_costs') }}

),

commissions as (

    select * from {{ ref('int_commission_entitlement') }}

),

rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

earned as (

    select
        'commission:' || commissions.line_id as investment_id,
        commissions.partner_id,
        commissions.earned_on as spent_on,
        {{ converted('commissions.amount', 'rates.rate') }} as amount
    from commissions
    cross join parameters
    left join rates
        on
            commissions.earned_on = rates.rate_date
            and commissions.currency = rates.from_currency
            and parameters.reporting_currency = rates.to_currency

),

final as (

    select
        'cost:' || cost_id as investment_id,
        partner_id,
        activity_id,
        kind,
        spent_on,
        total_amount,
        own_amount as reporting_amount
    from costs
    union all
    select
        investment_id,
        partner_id,
        null as activity_id,
        'commission' as kind,
        spent_on,
        amount as total_amount,
        amount as reporting_amount
    from earned

)

select * from final
