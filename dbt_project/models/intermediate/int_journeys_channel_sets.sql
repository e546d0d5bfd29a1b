with

journeys as (

    select * from {{ ref('int_journeys') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

sets as (

    select
        journeys.journey_id,
        journeys.conversion_id is not null as is_converted,
        {{ sorted_set('journeys.channel') }} as channels
    from journeys
    inner join models
        on
            journeys.lookback_seconds = models.lookback_seconds
            and models.model = 'shapley'
    group by journeys.journey_id, journeys.conversion_id

),

final as (

    select
        channels,
        count(case when is_converted then 1 end) as conversions,
        count(*) as journeys
    from sets
    group by channels

)

select * from final
