with

credits as (

    select * from {{ ref('int_credits_monthly') }}

),

costs as (

    select * from {{ ref('int_partner_costs') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

-- What each campaign, and each partner, earned and cost. A cost is the same under every model.
facts as (

    select
        month,
        model,
        'campaign' as dimension,
        campaign_id as dimension_value,
        conversions,
        revenue,
        0 as own_cost,
        0 as total_cost,
        0 as costs_without_rate
    from credits
    where campaign_id not in ('no_campaign', 'unattributed')
    union all
    select
        month,
        model,
        'partner' as dimension,
        partner_id as dimension_value,
        conversions,
        revenue,
        0 as own_cost,
        0 as total_cost,
        0 as costs_without_rate
    from credits
    where partner_id is not null
    union all
    select
        costs.spent_on as month,
        models.model,
        'campaign' as dimension,
        costs.activity_id as dimension_value,
        0 as conversions,
        0 as revenue,
        coalesce(costs.own_amount, 0) as own_cost,
        coalesce(costs.total_amount, 0) as total_cost,
        case when costs.total_amount is null then 1 else 0 end as costs_without_rate
    from costs
    cross join models
    where
        costs.kind = 'co_marketing'
        and costs.activity_id is not null
    union all
    select
        costs.spent_on as month,
        models.model,
        'partner' as dimension,
        coalesce(costs.partner_id, 'no_partner') as dimension_value,
        0 as conversions,
        0 as revenue,
        coalesce(costs.own_amount, 0) as own_cost,
        coalesce(costs.total_amount, 0) as total_cost,
        case when costs.total_amount is null then 1 else 0 end as costs_without_rate
    from costs
    cross join models
    where costs.kind = 'co_marketing'

),

monthly as (

    select
        month,
        model,
        dimension,
        dimension_value,
        sum(conversions) as conversions,
        cast(sum(revenue) as {{ money_total() }}) as revenue,
        sum(own_cost) as own_cost,
        sum(total_cost) as total_cost,
        sum(costs_without_rate) as costs_without_rate
    from facts
    group by month, model, dimension, dimension_value

),

rounded as (

    select
        monthly.month,
        monthly.model,
        monthly.dimension,
        monthly.dimension_value,
        monthly.conversions,
        parameters.reporting_currency as currency,
        monthly.revenue,
        {{ reporting_money('monthly.own_cost', 'parameters.minor_unit') }} as own_cost,
        {{ reporting_money('monthly.total_cost', 'parameters.minor_unit') }} as total_cost,
        monthly.costs_without_rate
    from monthly
    cross join parameters

),

-- A campaign earns after it was paid for: what counts is what both come to so far.
to_date as (

    select
        *,
        cast(sum(revenue) over so_far as {{ money_total() }}) as revenue_to_date,
        cast(sum(own_cost) over so_far as {{ money_total() }}) as own_cost_to_date
    from rounded
    window so_far as (
        partition by model, dimension, dimension_value
        order by month
        rows between unbounded preceding and current row
    )

),

final as (

    select
        month,
        model,
        dimension,
        dimension_value,
        cast(conversions as decimal(28, 12)) as conversions,
        currency,
        revenue,
        own_cost,
        total_cost,
        cast(round({{ exact_ratio('revenue', 'own_cost') }}, 6) as {{ exact() }}) as roas,
        revenue_to_date,
        own_cost_to_date,
        cast(round({{ exact_ratio('revenue_to_date', 'own_cost_to_date') }}, 6) as {{ exact() }}) as roas_to_date,
        cast(costs_without_rate as bigint) as costs_without_rate
    from to_date

)

select * from final
