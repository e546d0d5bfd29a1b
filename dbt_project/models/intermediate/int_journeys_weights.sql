with

journeys as (

    select * from {{ ref('int_journeys') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

weights as (

    select * from {{ ref('attribution_weights') }}

),

removal_effects as (

    select * from {{ ref('int_journeys_removal_effects') }}

),

shapley_values as (

    select * from {{ ref('int_journeys_shapley_values') }}

),

-- One row a model: each milestone's share in millionths.
shares as (

    select
        models.model,
        models.lookback_seconds,
        {{ milestone_share('first') }} as first_share,
        {{ milestone_share('last') }} as last_share,
        {{ milestone_share('last_non_direct') }} as last_non_direct_share,
        {{ milestone_share('lead') }} as lead_share,
        {{ milestone_share('opportunity') }} as opportunity_share,
        {{ milestone_share('rest') }} as rest_share
    from models
    inner join weights on models.model = weights.model
    where models.family = 'milestones'
    group by models.model, models.lookback_seconds

),

held as (

    select
        shares.model,
        shares.rest_share,
        journeys.journey_id,
        journeys.conversion_kind,
        journeys.conversion_id,
        journeys.touchpoint_id,
        journeys.position,
        case when journeys.is_first then shares.first_share else 0 end
        + case when journeys.is_last then shares.last_share else 0 end
        + case when journeys.is_last_non_direct then shares.last_non_direct_share else 0 end
        + case when journeys.is_lead then shares.lead_share else 0 end
        + case when journeys.is_opportunity then shares.opportunity_share else 0 end as share
    from journeys
    inner join shares on journeys.lookback_seconds = shares.lookback_seconds
    where journeys.conversion_id is not null

),

journey_shares as (

    select
        *,
        cast(sum(share) over (partition by model, journey_id) as bigint) as held_share,
        count(case when share = 0 then 1 end) over (partition by model, journey_id) as rest_touches
    from held

),

-- Holders split what is not the rest's in proportion to their shares, the others split the rest evenly; the weights
-- are these fractions times held_share * rest_touches, so that they are whole. Where either side has no touch, the
-- other earns everything.
milestone_weights as (

    select
        model,
        journey_id,
        conversion_kind,
        conversion_id,
        touchpoint_id,
        position,
        case
            when rest_touches = 0 or rest_share = 0 then cast(share as {{ wide_integer() }})
            when held_share = 0 then 1
            when share = 0 then cast(rest_share as {{ wide_integer() }}) * held_share
            else cast(share as {{ wide_integer() }}) * (1000000 - rest_share) * rest_touches
        end as weight
    from journey_shares

),

decay_weights as (

    select
        models.model,
        journeys.journey_id,
        journeys.conversion_kind,
        journeys.conversion_id,
        journeys.touchpoint_id,
        journeys.position,
        -- Measured from the last touch: it differs from the age at the conversion by a factor that all touches share.
        {{ decay_parts(
            'journeys.microseconds_to_last_touch', '(cast(models.half_life_seconds as bigint) * 1000000)'
        ) }} as weight
    from journeys
    inner join models
        on
            journeys.lookback_seconds = models.lookback_seconds
            and models.family = 'time_decay'
    where journeys.conversion_id is not null

),

-- What a channel is worth over all journeys, as a whole number of 10^-12. In a journey whose channels are all worth
-- nothing they count the same.
channel_worth as (

    select
        models.model,
        models.lookback_seconds,
        removal_effects.unit_id as channel,
        {{ credit_parts_of('removal_effects.removal_effect') }} as worth
    from models
    cross join removal_effects
    where
        models.family = 'markov'
        and removal_effects.unit = 'channel'
        and removal_effects.model_order = 1
    union all
    select
        models.model,
        models.lookback_seconds,
        shapley_values.unit_id as channel,
        {{ credit_parts_of('greatest(shapley_values.shapley_value, 0)') }} as worth
    from models
    cross join shapley_values
    where models.family = 'shapley'

),

journey_worth as (

    select
        channel_worth.model,
        journeys.journey_id,
        journeys.conversion_kind,
        journeys.conversion_id,
        journeys.touchpoint_id,
        journeys.position,
        channel_worth.worth,
        max(channel_worth.worth) over (partition by channel_worth.model, journeys.journey_id) as best_worth,
        count(*) over (partition by channel_worth.model, journeys.journey_id, journeys.channel) as channel_touches
    from journeys
    inner join channel_worth
        on
            journeys.channel = channel_worth.channel
            and journeys.lookback_seconds = channel_worth.lookback_seconds
    where journeys.conversion_id is not null

),

-- The journey's channels share the conversion by their worth, the touches of a channel share evenly.
worth_weights as (

    select
        model,
        journey_id,
        conversion_kind,
        conversion_id,
        touchpoint_id,
        position,
        {{ whole_quotient(
            '(case when best_worth = 0 then ' ~ credit_parts() ~ ' else worth end) * 1000000', 'channel_touches'
        ) }} as weight
    from journey_worth

),

final as (

    select * from milestone_weights
    where weight > 0
    union all
    select * from decay_weights
    where weight > 0
    union all
    select * from worth_weights
    where weight > 0

)

select * from final
