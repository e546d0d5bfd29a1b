with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

journeys as (

    select * from {{ ref('int_journeys_conversions') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

weights as (

    select * from {{ ref('attribution_weights') }}

),

-- One row a model: each milestone's share in millionths.
shares as (

    select
        models.model,
        lookbacks.lookback_id,
        {{ milestone_share('first') }} as first_share,
        {{ milestone_share('last') }} as last_share,
        {{ milestone_share('last_non_direct') }} as last_non_direct_share,
        {{ milestone_share('lead') }} as lead_share,
        {{ milestone_share('opportunity') }} as opportunity_share,
        {{ milestone_share('rest') }} as rest_share
    from models
    inner join weights on models.model = weights.model
    inner join lookbacks on models.model = lookbacks.model
    where models.family = 'milestones'
    group by models.model, lookbacks.lookback_id

),

-- What these models credit depends on where the milestones are, and on nothing else of a journey.
shapes as (

    select
        steps.lookback_id,
        journeys.touches,
        journeys.last_non_direct_position,
        journeys.lead_position,
        journeys.opportunity_position,
        steps.position
    from steps
    inner join journeys
        on
            steps.lookback_id = journeys.lookback_id
            and steps.conversion_key = journeys.conversion_key
    group by
        steps.lookback_id,
        journeys.touches,
        journeys.last_non_direct_position,
        journeys.lead_position,
        journeys.opportunity_position,
        steps.position

),

held as (

    select
        shapes.*,
        shares.model,
        shares.rest_share,
        case when shapes.position = 1 then shares.first_share else 0 end
        + case when shapes.position = shapes.touches then shares.last_share else 0 end
        + case
            when shapes.position = shapes.last_non_direct_position then shares.last_non_direct_share
            else 0
        end
        + case when shapes.position = shapes.lead_position then shares.lead_share else 0 end
        + case when shapes.position = shapes.opportunity_position then shares.opportunity_share else 0 end as share
    from shapes
    inner join shares on shapes.lookback_id = shares.lookback_id

),

totalled as (

    select
        *,
        cast(sum(share) over shape as bigint) as held_share,
        count(case when share = 0 then 1 end) over shape as rest_touches
    from held
    window shape as (
        partition by
            model, lookback_id, touches, last_non_direct_position, lead_position, opportunity_position
    )

),

-- Holders split what is not the rest's in proportion to their shares, the others split the rest evenly; the weights
-- are these fractions times held_share * rest_touches, so that they are whole. Where either side has no touch, the
-- other earns everything.
weighed as (

    select
        *,
        case
            when rest_touches = 0 or rest_share = 0 then cast(share as {{ wide_integer() }})
            when held_share = 0 then 1
            when share = 0 then cast(rest_share as {{ wide_integer() }}) * held_share
            else cast(share as {{ wide_integer() }}) * (1000000 - rest_share) * rest_touches
        end as weight
    from totalled

),

shared_credits as (

    {{ shared_out(
        'weighed',
        'weight',
        credit_parts(),
        [
            'model', 'lookback_id', 'touches', 'last_non_direct_position', 'lead_position', 'opportunity_position'
        ],
        'position',
        'credit_parts'
    ) }}

),

final as (

    select
        lookback_id,
        touches,
        last_non_direct_position,
        lead_position,
        opportunity_position,
        position,
        {% for model in attribution_models().split() %}
            cast(
                coalesce(max(case when model = '{{ model }}' then credit_parts end), 0) as bigint
            ) as {{ model }}_credit{% if not loop.last %},{% endif %}
        {% endfor %}
    from shared_credits
    group by
        lookback_id, touches, last_non_direct_position, lead_position, opportunity_position, position

)

select * from final
