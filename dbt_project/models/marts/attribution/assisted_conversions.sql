with

journey_values as (

    select * from {{ ref('int_journey_values') }}

),

conversions as (

    select * from {{ ref('int_conversion_revenue') }}

),

counted as (

    select
        conversions.month,
        journey_values.dimension,
        journey_values.dimension_value,
        conversions.currency,
        count(*) as conversions,
        count(case when journey_values.is_first then 1 end) as first_conversions,
        count(case when journey_values.is_last then 1 end) as last_conversions,
        count(case when journey_values.is_only then 1 end) as only_conversions,
        count(case when not journey_values.is_last then 1 end) as assisted_conversions,
        sum(case when journey_values.is_last then conversions.revenue else 0 end) as last_revenue,
        sum(case when not journey_values.is_last then conversions.revenue else 0 end) as assisted_revenue
    from journey_values
    inner join conversions on journey_values.conversion_key = conversions.conversion_key
    group by conversions.month, journey_values.dimension, journey_values.dimension_value, conversions.currency

),

final as (

    select
        month,
        dimension,
        dimension_value,
        conversions,
        first_conversions,
        last_conversions,
        only_conversions,
        assisted_conversions,
        cast(round({{ exact_ratio('assisted_conversions', 'last_conversions') }}, 6) as {{ exact() }}) as assist_ratio,
        currency,
        cast(last_revenue as {{ money_total() }}) as last_revenue,
        cast(assisted_revenue as {{ money_total() }}) as assisted_revenue
    from counted

)

select * from final
