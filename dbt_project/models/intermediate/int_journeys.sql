{{ config(materialized='view') }}

with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

touches as (

    select * from {{ ref('int_touches') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

joined as (

    select
        steps.lookback_id,
        steps.journey_key,
        steps.conversion_key,
        steps.touch_key,
        steps.position,
        conversions.conversion_kind,
        conversions.conversion_id,
        conversions.lead_at,
        conversions.opportunity_at,
        touches.touchpoint_id,
        touches.account_id,
        touches.touch_source,
        touches.partner_id,
        touches.channel,
        touches.channel_group,
        touches.kind,
        touches.is_direct,
        touches.occurred_at
    from steps
    inner join touches on steps.touch_key = touches.touch_key
    left join conversions on steps.conversion_key = conversions.conversion_key

),

described as (

    select
        *,
        count(*) over whole_journey as touches,
        max(occurred_at) over whole_journey as last_occurred_at,
        count(case when occurred_at <= lead_at then 1 end) over whole_journey as lead_position,
        count(case when occurred_at <= opportunity_at then 1 end) over whole_journey as opportunity_position,
        max(case when not is_direct then position end) over whole_journey as last_non_direct_position
    from joined
    window whole_journey as (partition by lookback_id, journey_key)

),

final as (

    select
        lookback_id,
        case
            when conversion_id is null then 'open:' || account_id
            else conversion_kind || ':' || conversion_id
        end as journey_id,
        conversion_kind,
        conversion_id,
        touchpoint_id,
        account_id,
        touch_source,
        partner_id,
        channel,
        channel_group,
        kind,
        is_direct,
        occurred_at,
        position,
        cast(touches as integer) as touches,
        {{ microseconds('last_occurred_at') }} - {{ microseconds('occurred_at') }} as microseconds_to_last_touch,
        position = 1 as is_first,
        position = touches as is_last,
        position = coalesce(last_non_direct_position, touches) as is_last_non_direct,
        position = lead_position as is_lead,
        position = opportunity_position as is_opportunity,
        journey_key,
        conversion_key,
        touch_key
    from described

)

select * from final
