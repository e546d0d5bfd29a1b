with

outcomes as (

    select * from {{ ref('int_journey_outcomes') }}

),

counted as (

    select
        touches,
        currency,
        count(*) as journeys,
        count(case when outcome = 'deal' then 1 end) as deals,
        count(case when outcome = 'lead' then 1 end) as leads,
        count(case when outcome = 'open' then 1 end) as open_journeys,
        sum(revenue) as revenue,
        {{ mean_days("case when outcome <> 'open' then seconds end") }} as mean_days_to_convert
    from outcomes
    group by touches, currency

),

final as (

    select
        cast(touches as bigint) as touches,
        journeys,
        cast(deals + leads as bigint) as conversions,
        deals,
        leads,
        open_journeys,
        cast(round({{ exact_ratio('deals + leads', 'journeys') }}, 6) as {{ exact() }}) as conversion_rate,
        currency,
        cast(revenue as {{ money_total() }}) as revenue,
        mean_days_to_convert
    from counted

)

select * from final
