{%- set models = attribution_models().split() -%}
{%- set weighing_models = ['time_decay', 'markov', 'shapley'] -%}
with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

journeys as (

    select * from {{ ref('int_journeys_conversions') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

milestone_credits as (

    select * from {{ ref('int_journeys_milestone_credits') }}

),

channel_worth as (

    select * from {{ ref('int_journeys_channel_worth') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

half_life as (

    select max(half_life_seconds) as seconds
    from models
    where family = 'time_decay'

),

-- Which of the models that weigh each touch use a lookback: 1, or 0.
uses as (

    select
        lookback_id,
        {% for model in weighing_models %}
            count(case when model = '{{ model }}' then 1 end) as {{ model }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from lookbacks
    group by lookback_id

),

-- All that the touches of a journey have in common. Which journey it is, its lookbacks and its conversion, is one
-- number, for rows are joined and grouped by it time and again.
described as (

    select
        {{ number_pair('journeys.lookback_id', 'journeys.conversion_key') }} as journey,
        journeys.lookback_id,
        journeys.touches,
        journeys.last_occurred_at,
        journeys.last_non_direct_position,
        journeys.lead_position,
        journeys.opportunity_position,
        {% for model in weighing_models %}
            uses.{{ model }} as uses_{{ model }},
        {% endfor %}
        cast(half_life.seconds as bigint) * 1000000 as half_life,
        cast(
            conversions.mills_per_part * case when conversions.amount < 0 then -1 else 1 end as bigint
        ) as mills_per_part,
        cast(
            {{ whole_quotient(
                'abs(' ~ to_units('conversions.amount', 3) ~ ')', 'conversions.mills_per_part'
            ) }} as bigint
        ) as parts
    from journeys
    inner join conversions on journeys.conversion_key = conversions.conversion_key
    inner join uses on journeys.lookback_id = uses.lookback_id
    cross join half_life

),

converting_steps as (

    select
        {{ number_pair('lookback_id', 'conversion_key') }} as journey,
        touch_key,
        occurred_at,
        position,
        channel_key
    from steps
    where conversion_key is not null

),

journey_channels as (

    select
        converting_steps.journey,
        converting_steps.channel_key,
        count(*) as touches,
        max(channel_worth.markov) as markov,
        max(channel_worth.shapley) as shapley
    from converting_steps
    inner join channel_worth on converting_steps.channel_key = channel_worth.channel_key
    group by converting_steps.journey, converting_steps.channel_key

),

journey_worth as (

    select
        journey,
        count(*) as channels,
        {% for model in ['markov', 'shapley'] %}
            cast(sum({{ model }}) as bigint) as {{ model }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from journey_channels
    group by journey

),

-- The journey's channels share the conversion by their worth, the touches of a channel share evenly. Where all of them
-- are worth nothing, they count the same.
channel_weights as (

    select
        journey_channels.journey,
        journey_channels.channel_key,
        {% for model in ['markov', 'shapley'] %}
            case
                when journey_worth.{{ model }} > 0
                    then {{ part_of_greatest_weight(
                        'journey_channels.' ~ model, 'journey_worth.' ~ model, 'journey_channels.touches'
                    ) }}
                else {{ part_of_greatest_weight(1, 'journey_worth.channels', 'journey_channels.touches') }}
            end as {{ model }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from journey_channels
    inner join journey_worth on journey_channels.journey = journey_worth.journey

),

weighed as (

    select
        converting_steps.journey,
        converting_steps.touch_key,
        converting_steps.position,
        described.parts,
        described.mills_per_part,
        -- Measured from the last touch: it differs from the age at the conversion by a factor that all touches share.
        {{ decay_weight(
            '(' ~ microseconds('described.last_occurred_at') ~ ' - ' ~ microseconds('converting_steps.occurred_at') ~ ')',
            'described.half_life',
            'described.touches'
        ) }} * described.uses_time_decay as time_decay_weight,
        channel_weights.markov * described.uses_markov as markov_weight,
        channel_weights.shapley * described.uses_shapley as shapley_weight,
        {% for model in models if model not in weighing_models %}
            milestone_credits.{{ model }}_credit{% if not loop.last %},{% endif %}
        {% endfor %}
    from converting_steps
    -- Each touch has one row of each. As left joins they keep their order: a planner that knows nothing of a journey's
    -- number may else join positions with positions first.
    left join described on converting_steps.journey = described.journey
    left join milestone_credits
        on
            described.lookback_id = milestone_credits.lookback_id
            and described.touches = milestone_credits.touches
            and described.last_non_direct_position = milestone_credits.last_non_direct_position
            and described.lead_position = milestone_credits.lead_position
            and described.opportunity_position = milestone_credits.opportunity_position
            and converting_steps.position = milestone_credits.position
    left join channel_weights
        on
            converting_steps.journey = channel_weights.journey
            and converting_steps.channel_key = channel_weights.channel_key

),

weight_totals as (

    select
        journey,
        {% for model in weighing_models %}
            greatest(
                cast(sum({{ model }}_weight) as bigint), 1
            ) as {{ model }}_weights{% if not loop.last %},{% endif %}
        {% endfor %}
    from weighed
    group by journey

),

to_divide as (

    select
        weighed.*,
        {% for model in weighing_models %}
            weight_totals.{{ model }}_weights{% if not loop.last %},{% endif %}
        {% endfor %}
    from weighed
    inner join weight_totals on weighed.journey = weight_totals.journey

),

whole_credits as (

    {{ credits_divided('to_divide', weighing_models) }}

),

divided as (

    select
        *,
        {% for model in weighing_models %}
            {{ remainder_claim(
                model ~ '_remainder', 'position'
            ) }} as {{ model }}_claim{% if not loop.last %},{% endif %}
        {% endfor %}
    from whole_credits

),

-- What is left of a conversion after the whole parts goes to as many of the greatest claims.
least_claims as (

    select
        journey,
        {% for model in weighing_models %}
            {{ least_of_greatest(
                model ~ '_claim', '(1000000000000 - cast(sum(' ~ model ~ '_whole) as bigint))'
            ) }} as {{ model }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from divided
    group by journey

),

credited as (

    select
        divided.journey,
        divided.touch_key,
        divided.position,
        divided.parts,
        divided.mills_per_part,
        {% for model in models %}
            {% if model in weighing_models %}
                cast(
                    divided.{{ model }}_whole
                    + case when divided.{{ model }}_claim >= least_claims.{{ model }} then 1 else 0 end as bigint
                ) as {{ model }}_credit{% if not loop.last %},{% endif %}
            {% else %}
                divided.{{ model }}_credit{% if not loop.last %},{% endif %}
            {% endif %}
        {% endfor %}
    from divided
    inner join least_claims on divided.journey = least_claims.journey

),

-- The amount in the currency's minor units follows the credits.
amounts_divided as (

    select
        journey,
        parts,
        {% for model in models %}
            {{ amount_whole('parts', model ~ '_credit') }} as {{ model }}_whole,
            {{ remainder_claim(
                amount_remainder('parts', model ~ '_credit'), 'position'
            ) }} as {{ model }}_claim{% if not loop.last %},{% endif %}
        {% endfor %}
    from credited
    where parts > 0

),

least_amount_claims as (

    select
        journey,
        {% for model in models %}
            {{ least_of_greatest(
                model ~ '_claim', '(max(parts) - cast(sum(' ~ model ~ '_whole) as bigint))'
            ) }} as {{ model }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from amounts_divided
    group by journey

),

final as (

    select
        cast({{ first_of_pair('credited.journey') }} as integer) as lookback_id,
        {{ second_of_pair('credited.journey') }} as conversion_key,
        credited.touch_key,
        credited.position,
        {% for model in models %}
            credited.{{ model }}_credit,
        {% endfor %}
        {% for model in models %}
            cast(
                (
                    {{ amount_whole('credited.parts', 'credited.' ~ model ~ '_credit') }}
                    + case
                        when
                            {{ remainder_claim(
                                amount_remainder('credited.parts', 'credited.' ~ model ~ '_credit'), 'credited.position'
                            ) }} >= least_amount_claims.{{ model }}
                            then 1
                        else 0
                    end
                ) * credited.mills_per_part as bigint
            ) as {{ model }}_mills{% if not loop.last %},{% endif %}
        {% endfor %}
    from credited
    left join least_amount_claims on credited.journey = least_amount_claims.journey

)

select * from final
