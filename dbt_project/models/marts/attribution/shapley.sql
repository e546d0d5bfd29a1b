with

shapley_values as (

    select * from {{ ref('int_journeys_shapley_values') }}

),

channel_sets as (

    select * from {{ ref('int_journeys_channel_sets') }}

),

journeys as (

    select * from {{ ref('int_journeys') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

-- The channels of each converting journey, once each.
participants as (

    select
        journeys.channel,
        journeys.journey_id,
        count(*) over (partition by journeys.journey_id) as channels
    from journeys
    inner join models
        on
            journeys.lookback_seconds = models.lookback_seconds
            and models.model = 'shapley'
    where journeys.conversion_id is not null
    group by journeys.channel, journeys.journey_id

),

-- Where a coalition is worth the conversions of the journeys whose channels all lie in it, the Shapley value shares
-- each conversion evenly among its distinct channels: no game needs to be solved.
by_participation as (

    select
        channel,
        sum({{ whole_quotient(credit_parts(), 'channels') }}) as parts
    from participants
    group by channel

),

totals as (

    select sum(conversions) as conversions
    from channel_sets

),

earning as (

    select
        *,
        greatest(shapley_value, 0) as worth,
        sum(greatest(shapley_value, 0)) over () as all_worth
    from shapley_values

),

final as (

    select
        earning.unit_id,
        cast(earning.shapley_value as {{ fraction() }}) as shapley_value,
        cast(earning.standard_error as {{ fraction() }}) as standard_error,
        cast(
            case when earning.all_worth > 0 then totals.conversions * earning.worth / earning.all_worth else 0 end
            as decimal(28, 12)
        ) as conversions,
        {{ parts_to_number('coalesce(by_participation.parts, 0)') }} as conversions_by_participation
    from earning
    cross join totals
    left join by_participation on earning.unit_id = by_participation.channel

)

select * from final
