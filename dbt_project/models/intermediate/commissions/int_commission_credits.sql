with

weights as (

    select * from {{ ref('int_journeys_weights') }}

),

journeys as (

    select * from {{ ref('int_journeys') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

models_that_pay as (

    select distinct crediting_model as model
    from plans
    where crediting_model <> 'deal_partners'

),

touch_partners as (

    select distinct
        journey_id,
        touchpoint_id,
        partner_id
    from journeys

),

weighed as (

    select
        weights.model,
        weights.conversion_id as deal_id,
        touch_partners.partner_id,
        cast(weights.weight as {{ wide_integer() }}) as weight,
        cast(
            sum(weights.weight) over (partition by weights.model, weights.conversion_id) as {{ wide_integer() }}
        ) as deal_weight
    from weights
    inner join models_that_pay using (model)
    inner join touch_partners using (journey_id, touchpoint_id)
    where weights.conversion_kind = 'deal'

),

summed as (

    select
        model,
        deal_id,
        partner_id,
        deal_weight,
        cast(sum(weight) as {{ wide_integer() }}) as weight
    from weighed
    where partner_id is not null
    group by model, deal_id, partner_id, deal_weight

),

-- Rounded down, so that the partners of a deal never share more than the whole of it.
parted as (

    select
        model,
        deal_id,
        partner_id,
        {{ whole_quotient('weight * ' ~ 10 ** 12, 'deal_weight') }} as share_parts
    from summed

),

final as (

    select
        model,
        deal_id,
        partner_id,
        cast(
            cast(share_parts as decimal(25, 0)) * cast(0.000000000001 as decimal(12, 12)) as {{ fraction() }}
        ) as share
    from parted
    where share_parts > 0

)

select * from final
