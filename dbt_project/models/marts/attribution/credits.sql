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

weighted as (

    select
        weights.model,
        weights.journey_id,
        weights.conversion_kind,
        weights.conversion_id,
        weights.touchpoint_id,
        weights.position,
        weights.weight * {{ credit_parts() }} as numerator,
        cast(sum(weights.weight) over (partition by weights.model, weights.journey_id) as {{ wide_integer() }})
            as denominator
    from weights

),

-- Largest remainder: whole parts first, then one part each to the largest remainders, the earlier touch first.
divided as (

    select
        *,
        {{ whole_quotient('numerator', 'denominator') }} as whole_parts,
        numerator % denominator as remainder
    from weighted

),

ranked as (

    select
        *,
        {{ credit_parts() }} - sum(whole_parts) over (partition by model, journey_id) as parts_left,
        row_number() over (partition by model, journey_id order by remainder desc, position) as claim
    from divided

),

credited as (

    select
        ranked.model,
        ranked.conversion_kind,
        ranked.conversion_id,
        ranked.touchpoint_id,
        ranked.position,
        ranked.whole_parts + case when ranked.claim <= ranked.parts_left then 1 else 0 end as credit_parts,
        journeys.partner_id,
        journeys.channel,
        journeys.channel_group,
        journeys.touch_source,
        journeys.kind as touch_kind,
        journeys.occurred_at as touched_at,
        journeys.touches
    from ranked
    inner join models on ranked.model = models.model
    inner join journeys
        on
            ranked.journey_id = journeys.journey_id
            and ranked.touchpoint_id = journeys.touchpoint_id
            and models.lookback_seconds = journeys.lookback_seconds
    -- A weight may be too small for a single part.
    where ranked.whole_parts > 0 or ranked.claim <= ranked.parts_left

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
        conversions.mills_per_part,
        {{ to_units('conversions.amount', 3) }} as amount_mills
    from conversions
    cross join models
    left join credited
        on
            conversions.conversion_kind = credited.conversion_kind
            and conversions.conversion_id = credited.conversion_id
            and models.model = credited.model

),

-- The amount in the currency's minor units, by largest remainder of the credits, the earlier touch first.
shared_amounts as (

    select
        *,
        {{ whole_quotient('abs(amount_mills)', 'mills_per_part') }} as amount_parts,
        {{ whole_quotient(
            whole_quotient('abs(amount_mills)', 'mills_per_part') ~ ' * credit_parts', credit_parts()
        ) }} as whole_amount_parts,
        ({{ whole_quotient('abs(amount_mills)', 'mills_per_part') }} * credit_parts) % {{ credit_parts() }} as remainder
    from attributed

),

ranked_amounts as (

    select
        *,
        amount_parts
        - sum(whole_amount_parts) over (partition by model, conversion_kind, conversion_id) as amount_parts_left,
        row_number() over (
            partition by model, conversion_kind, conversion_id
            order by remainder desc, position
        ) as claim
    from shared_amounts

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
        {{ mills_to_money(
            '(whole_amount_parts + case when claim <= amount_parts_left then 1 else 0 end)'
            ~ ' * mills_per_part * case when amount_mills < 0 then -1 else 1 end'
        ) }} as amount,
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
    from ranked_amounts

)

select * from final
