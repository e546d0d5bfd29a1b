with

conversions as (

    select * from {{ ref('int_conversions') }}

),

journeys as (

    select * from {{ ref('int_journeys') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

weights as (

    select * from {{ ref('int_journeys_weights') }}

),

shared_credits as (

    {{ shared_out('weights', 'weight', credit_parts(), ['model', 'journey_id'], 'position', 'credit_parts') }}

),

credited as (

    select
        shared_credits.model,
        shared_credits.conversion_kind,
        shared_credits.conversion_id,
        shared_credits.touchpoint_id,
        shared_credits.position,
        shared_credits.credit_parts,
        journeys.partner_id,
        journeys.channel,
        journeys.channel_group,
        journeys.touch_source,
        journeys.kind as touch_kind,
        journeys.occurred_at as touched_at,
        journeys.touches
    from shared_credits
    inner join models on shared_credits.model = models.model
    inner join journeys
        on
            shared_credits.journey_id = journeys.journey_id
            and shared_credits.touchpoint_id = journeys.touchpoint_id
            and models.lookback_seconds = journeys.lookback_seconds
    -- A weight may be too small for a single part.
    where shared_credits.credit_parts > 0

),

-- Every conversion has credits in every model: where no touch earned, the explicit row does.
attributed as (

    select
        conversions.conversion_id,
        models.model,
        coalesce(credited.touchpoint_id, 'unattributed') as touchpoint_id,
        conversions.conversion_kind,
        credited.partner_id,
        coalesce(credited.channel, 'unattributed') as channel,
        coalesce(credited.credit_parts, {{ credit_parts() }}) as credit_parts,
        conversions.currency,
        conversions.converted_at,
        conversions.account_id,
        coalesce(credited.channel_group, 'unattributed') as channel_group,
        credited.touch_source,
        credited.touch_kind,
        credited.touched_at,
        credited.position,
        credited.touches,
        conversions.month,
        conversions.mills_per_part * case when conversions.amount < 0 then -1 else 1 end as mills_per_part,
        {{ whole_quotient('abs(' ~ to_units('conversions.amount', 3) ~ ')', 'conversions.mills_per_part') }}
            as amount_parts
    from conversions
    cross join models
    left join credited
        on
            conversions.conversion_kind = credited.conversion_kind
            and conversions.conversion_id = credited.conversion_id
            and models.model = credited.model

),

-- The amount in the currency's minor units follows the credits.
shared_amounts as (

    {{ shared_out(
        'attributed', 'credit_parts', 'amount_parts', ['model', 'conversion_kind', 'conversion_id'], 'position',
        'touch_amount_parts'
    ) }}

),

final as (

    select
        conversion_id,
        model,
        touchpoint_id,
        conversion_kind,
        partner_id,
        channel,
        {{ parts_to_fraction('credit_parts') }} as credit,
        {{ mills_to_money('touch_amount_parts * mills_per_part') }} as amount,
        currency,
        converted_at,
        account_id,
        channel_group,
        touch_source,
        touch_kind,
        touched_at,
        position,
        touches,
        month
    from shared_amounts

)

select * from final
