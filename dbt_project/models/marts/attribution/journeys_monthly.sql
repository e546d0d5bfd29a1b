with

outcomes as (

    select * from {{ ref('int_journey_outcomes') }}

),

counted as (

    select
        month,
        outcome,
        currency,
        count(*) as journeys,
        count(case when touches = 0 then 1 end) as untouched,
        {{ mean_number('nullif(touches, 0)') }} as mean_touches,
        {{ mean_number('nullif(channels, 0)') }} as mean_channels,
        {{ mean_days('seconds') }} as mean_days,
        percentile_disc(0.5) within group (order by seconds) as median_seconds,
        percentile_disc(0.9) within group (order by seconds) as long_seconds,
        max(touches) as most_touches,
        sum(revenue) as revenue
    from outcomes
    group by month, outcome, currency

),

final as (

    select
        month,
        outcome,
        journeys,
        untouched,
        mean_touches,
        cast(most_touches as bigint) as most_touches,
        mean_channels,
        mean_days,
        {{ seconds_to_days('median_seconds') }} as median_days,
        {{ seconds_to_days('long_seconds') }} as days_of_nine_in_ten,
        currency,
        cast(revenue as {{ money_total() }}) as revenue
    from counted

)

select * from final
