with

costs as (

    select * from {{ ref('int_costs') }}

),

activities as (

    select * from {{ ref('int_activities') }}

),

rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

spent as (

    select
        costs.cost_id,
        coalesce(costs.partner_id, activities.partner_id) as partner_id,
        costs.activity_id,
        case
            when costs.activity_id is not null or lower(costs.category) in ('co_marketing', 'co-marketing')
                then 'co_marketing'
            else 'programme'
        end as kind,
        cast(date_trunc('month', costs.month) as date) as spent_on,
        cast(costs.amount as {{ exact() }}) as total_amount,
        cast(costs.amount * (1 - coalesce(costs.partner_share, 0)) as {{ exact() }}) as own_amount,
        costs.currency
    from costs
    left join activities on costs.activity_id = activities.activity_id

),

-- What the partner pays of a shared cost is not our investment.
final as (

    select
        spent.cost_id,
        spent.partner_id,
        spent.activity_id,
        spent.kind,
        {{ converted('spent.total_amount', 'rates.rate') }} as total_amount,
        {{ converted('spent.own_amount', 'rates.rate') }} as own_amount,
        spent.spent_on
    from spent
    cross join parameters
    left join rates
        on
            spent.spent_on = rates.rate_date
            and spent.currency = rates.from_currency
            and parameters.reporting_currency = rates.to_currency

)

select * from final
