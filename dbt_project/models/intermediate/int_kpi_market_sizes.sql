with

market_sizes as (

    select * from {{ ref('int_market_sizes') }}

),

rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

final as (

    select
        market_sizes.market_size_id,
        cast(date_trunc('month', market_sizes.month) as date) as month,
        market_sizes.country,
        market_sizes.segment,
        coalesce(market_sizes.country, 'unknown') || ':' || coalesce(market_sizes.segment, 'all') as market,
        {{ converted('market_sizes.amount', 'rates.rate') }} as reporting_amount
    from market_sizes
    cross join parameters
    left join rates
        on
            cast(date_trunc('month', market_sizes.month) as date) = rates.rate_date
            and market_sizes.currency = rates.from_currency
            and parameters.reporting_currency = rates.to_currency

)

select * from final
