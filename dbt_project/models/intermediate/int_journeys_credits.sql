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

converting_steps as (

    select
        lookback_id,
        conversion_key,
        touch_key,
        occurred_at,
        position,
        channel_key
    from steps
    where conversion_key is not null

),

journey_channels as (

    select
        converting_steps.lookback_id,
        converting_steps.conversion_key,
        converting_steps.channel_key,
        count(*) as touches,
        max(channel_worth.markov) as markov,
        max(channel_worth.shapley) as shapley
    from converting_steps
    inner join channel_worth on converting_steps.channel_key = channel_worth.channel_key
    group by converting_steps.lookback_id, converting_steps.conversion_key, converting_steps.channel_key

),

journey_worth as (

    select
        lookback_id,
        conversion_key,
        count(*) as channels,
        {% for model in ['markov', 'shapley'] %}
            cast(sum({{ model }}) as bigint) as {{ model }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from journey_channels
    group by lookback_id, conversion_key

),

-- The journey's channels share the conversion by their worth, the touches of a channel share evenly. Where all of them
-- are worth nothing, they count the same.
channel_weights as (

    select
        journey_channels.lookback_id,
        journey_channels.conversion_key,
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
    inner join journey_worth
        on
            journey_channels.lookback_id = journey_worth.lookback_id
            and journey_channels.conversion_key = journey_worth.conversion_key

),

weighed as (

    select
        converting_steps.lookback_id,
        converting_steps.conversion_key,
        converting_steps.touch_key,
        converting_steps.position,
        -- Measured from the last touch: it differs from the age at the conversion by a factor that all touches share.
        {{ decay_weight(
            '(' ~ microseconds('journeys.last_occurred_at') ~ ' - ' ~ microseconds('converting_steps.occurred_at') ~ ')',
            '(cast(half_life.seconds as bigint) * 1000000)',
            'journeys.touches'
        ) }} * uses.time_decay as time_decay_weight,
        channel_weights.markov * uses.markov as markov_weight,
        channel_weights.shapley * uses.shapley as shapley_weight,
        {% for model in models if model not in weighing_models %}
            milestone_credits.{{ model }}_credit{% if not loop.last %},{% endif %}
        {% endfor %}
    from converting_steps
    inner join journeys
        on
            converting_steps.lookback_id = journeys.lookback_id
            and converting_steps.conversion_key = journeys.conversion_key
    inner join milestone_credits
        on
            journeys.lookback_id = milestone_credits.lookback_id
            and journeys.touches = milestone_credits.touches
            and journeys.last_non_direct_position = milestone_credits.last_non_direct_position
            and journeys.lead_position = milestone_credits.lead_position
            and journeys.opportunity_position = milestone_credits.opportunity_position
            and converting_steps.position = milestone_credits.position
    inner join channel_weights
        on
            converting_steps.lookback_id = channel_weights.lookback_id
            and converting_steps.conversion_key = channel_weights.conversion_key
            and converting_steps.channel_key = channel_weights.channel_key
    inner join uses on converting_steps.lookback_id = uses.lookback_id
    cross join half_life

),

weight_totals as (

    select
        lookback_id,
        conversion_key,
        {% for model in weighing_models %}
            greatest(
                cast(sum({{ model }}_weight) as bigint), 1
            ) as {{ model }}_weights{% if not loop.last %},{% endif %}
        {% endfor %}
    from weighed
    group by lookback_id, conversion_key

),

to_divide as (

    select
        weighed.*,
        {% for model in weighing_models %}
            weight_totals.{{ model }}_weights{% if not loop.last %},{% endif %}
        {% endfor %}
    from weighed
    inner join weight_totals
        on
            weighed.lookback_id = weight_totals.lookback_id
            and weighed.conversion_key = weight_totals.conversion_key

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
        lookback_id,
        conversion_key,
        {% for model in weighing_models %}
            {{ from_the_end(
                ascending_list(model ~ '_claim'), '(1000000000000 - cast(sum(' ~ model ~ '_whole) as bigint))'
            ) }} as {{ model }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from divided
    group by lookback_id, conversion_key

),

credited as (

    select
        divided.lookback_id,
        divided.conversion_key,
        divided.touch_key,
        divided.position,
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
    inner join least_claims
        on
            divided.lookback_id = least_claims.lookback_id
            and divided.conversion_key = least_claims.conversion_key

),

amounts as (

    select
        conversion_key,
        cast(mills_per_part * case when amount < 0 then -1 else 1 end as bigint) as mills_per_part,
        cast({{ whole_quotient('abs(' ~ to_units('amount', 3) ~ ')', 'mills_per_part') }} as bigint) as parts
    from conversions

),

-- The amount in the currency's minor units follows the credits.
amounts_divided as (

    select
        credited.lookback_id,
        credited.conversion_key,
        credited.touch_key,
        amounts.parts,
        {% for model in models %}
            {{ amount_whole('amounts.parts', 'credited.' ~ model ~ '_credit') }} as {{ model }}_whole,
            {{ remainder_claim(
                amount_remainder('amounts.parts', 'credited.' ~ model ~ '_credit'), 'credited.position'
            ) }} as {{ model }}_claim{% if not loop.last %},{% endif %}
        {% endfor %}
    from credited
    inner join amounts on credited.conversion_key = amounts.conversion_key
    where amounts.parts > 0

),

least_amount_claims as (

    select
        lookback_id,
        conversion_key,
        {% for model in models %}
            {{ from_the_end(
                ascending_list(model ~ '_claim'), '(max(parts) - cast(sum(' ~ model ~ '_whole) as bigint))'
            ) }} as {{ model }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from amounts_divided
    group by lookback_id, conversion_key

),

final as (

    select
        credited.lookback_id,
        credited.conversion_key,
        credited.touch_key,
        credited.position,
        {% for model in models %}
            credited.{{ model }}_credit,
        {% endfor %}
        {% for model in models %}
            cast(
                (
                    {{ amount_whole('amounts.parts', 'credited.' ~ model ~ '_credit') }}
                    + case
                        when
                            {{ remainder_claim(
                                amount_remainder('amounts.parts', 'credited.' ~ model ~ '_credit'), 'credited.position'
                            ) }} >= least_amount_claims.{{ model }}
                            then 1
                        else 0
                    end
                ) * amounts.mills_per_part as bigint
            ) as {{ model }}_mills{% if not loop.last %},{% endif %}
        {% endfor %}
    from credited
    inner join amounts on credited.conversion_key = amounts.conversion_key
    left join least_amount_claims
        on
            credited.lookback_id = least_amount_claims.lookback_id
            and credited.conversion_key = least_amount_claims.conversion_key

)

select * from final
