with

movements as (

    select * from {{ ref('int_kpi_movements') }}

),

revenue as (

    select * from {{ ref('int_kpi_revenue') }}

),

market_sizes as (

    select * from {{ ref('int_kpi_market_sizes') }}

),

periods as (

    select * from {{ ref('int_kpi_periods') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

-- The part of each movement that is any partner's.
partner_parts as (

    select
        movement_key,
        sum(reporting_amount) as partner_revenue
    from revenue
    group by movement_key

),

collected as (

    select
        cast(date_trunc('month', movements.occurred_on) as date) as month,
        movements.country,
        movements.segment,
        movements.customer_id,
        movements.net_collected,
        movements.reporting_amount,
        partner_parts.movement_key is not null as has_partner,
        partner_parts.partner_revenue
    from movements
    left join partner_parts on movements.movement_key = partner_parts.movement_key

),

by_market as (

    select
        month,
        'country' as market_kind,
        coalesce(country, 'unknown') as market,
        sum(reporting_amount) as revenue,
        sum(partner_revenue) as partner_revenue,
        count(distinct case when has_partner and net_collected > 0 then customer_id end) as partner_customers,
        count(case when net_collected <> 0 and reporting_amount is null then 1 end) as unconverted_count
    from collected
    group by {{ first_columns(3) }}
    union all
    select
        month,
        'segment' as market_kind,
        coalesce(segment, 'unknown') as market,
        sum(reporting_amount) as revenue,
        sum(partner_revenue) as partner_revenue,
        count(distinct case when has_partner and net_collected > 0 then customer_id end) as partner_customers,
        count(case when net_collected <> 0 and reporting_amount is null then 1 end) as unconverted_count
    from collected
    group by {{ first_columns(3) }}

),

sizes as (

    select
        month,
        'country' as market_kind,
        country as market,
        sum(reporting_amount) as market_size,
        count(*) - count(reporting_amount) as unconverted_count
    from market_sizes
    where country is not null
    group by {{ first_columns(3) }}
    union all
    select
        month,
        'segment' as market_kind,
        segment as market,
        sum(reporting_amount) as market_size,
        count(*) - count(reporting_amount) as unconverted_count
    from market_sizes
    where segment is not null
    group by {{ first_columns(3) }}

),

first_months as (

    select
        market_kind,
        market,
        min(month) as first_month
    from by_market
    where partner_customers > 0
    group by {{ first_columns(2) }}

),

rounded as (

    select
        by_market.month,
        by_market.market_kind,
        by_market.market,
        periods.is_closed,
        first_months.first_month,
        coalesce(by_market.month = first_months.first_month and by_market.market <> 'unknown', false) as is_new,
        by_market.partner_customers,
        parameters.reporting_currency,
        {{ reporting_money('coalesce(by_market.revenue, 0)', 'parameters.minor_unit') }} as revenue,
        {{ reporting_money('coalesce(by_market.partner_revenue, 0)', 'parameters.minor_unit') }} as partner_revenue,
        {{ reporting_money('sizes.market_size', 'parameters.minor_unit') }} as market_size,
        by_market.unconverted_count + coalesce(sizes.unconverted_count, 0) as unconverted_count
    from by_market
    inner join periods
        on
            by_market.month = periods.period_start
            and periods.grain = 'month'
    cross join parameters
    left join first_months
        on
            by_market.market_kind = first_months.market_kind
            and by_market.market = first_months.market
    left join sizes
        on
            by_market.month = sizes.month
            and by_market.market_kind = sizes.market_kind
            and by_market.market = sizes.market

),

final as (

    select
        month,
        market_kind,
        market,
        first_month,
        is_new,
        partner_customers,
        reporting_currency as currency,
        revenue,
        partner_revenue,
        market_size,
        cast(round({{ exact_ratio('100 * partner_revenue', 'market_size') }}, 6) as {{ exact() }}) as market_share,
        unconverted_count,
        is_closed
    from rounded

)

select * from final
