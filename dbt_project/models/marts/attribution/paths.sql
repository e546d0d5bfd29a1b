with

outcomes as (

    select * from {{ ref('int_journey_outcomes') }}

),

settings as (

    select * from {{ ref('attribution_settings') }}

),

limits as (

    select value as top_paths
    from settings
    where setting = 'top_paths'

),

by_path as (

    select
        path,
        count(case when outcome <> 'open' then 1 end) as conversions,
        count(*) as journeys
    from outcomes
    group by path

),

ranked as (

    select
        path,
        row_number() over (order by conversions desc, journeys desc, path asc) as path_rank
    from by_path

),

-- What comes after the top is one row, so that the paths sum to all journeys.
named as (

    select
        outcomes.*,
        case
            when ranked.path_rank > limits.top_paths then 'other'
            when ranked.path = 'other' or ranked.path like 'channel:%' then 'channel:' || ranked.path
            else ranked.path
        end as shown_path,
        least(ranked.path_rank, limits.top_paths + 1) as shown_rank
    from outcomes
    inner join ranked on outcomes.path = ranked.path
    cross join limits

),

counted as (

    select
        shown_path as path,
        shown_rank as path_rank,
        currency,
        count(*) as journeys,
        count(case when outcome = 'deal' then 1 end) as deals,
        count(case when outcome = 'lead' then 1 end) as leads,
        count(case when outcome = 'open' then 1 end) as open_journeys,
        max(touches) as touches,
        sum(revenue) as revenue,
        {{ mean_days("case when outcome <> 'open' then seconds end") }} as mean_days_to_convert
    from named
    group by shown_path, shown_rank, currency

),

final as (

    select
        path,
        cast(path_rank as bigint) as path_rank,
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
