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

touches as (

    select * from {{ ref('int_touches') }}

),

campaigns as (

    select * from {{ ref('int_touch_campaigns') }}

),

converting as (

    select
        steps.conversion_key,
        touches.channel,
        touches.channel_group,
        touches.partner_id,
        campaigns.campaign_id,
        steps.position,
        journeys.touches
    from steps
    inner join lookbacks on steps.lookback_id = lookbacks.lookback_id
    inner join journeys
        on
            steps.lookback_id = journeys.lookback_id
            and steps.conversion_key = journeys.conversion_key
    inner join touches on steps.touch_key = touches.touch_key
    left join campaigns on steps.touch_key = campaigns.touch_key
    where lookbacks.model = 'last_touch'

),

valued as (

    select
        conversion_key,
        'channel' as dimension,
        channel as dimension_value,
        position,
        touches
    from converting
    union all
    select
        conversion_key,
        'channel_group' as dimension,
        channel_group as dimension_value,
        position,
        touches
    from converting
    union all
    select
        conversion_key,
        'campaign' as dimension,
        coalesce(campaign_id, 'no_campaign') as dimension_value,
        position,
        touches
    from converting
    union all
    select
        conversion_key,
        'partner' as dimension,
        coalesce(partner_id, 'no_partner') as dimension_value,
        position,
        touches
    from converting

),

final as (

    select
        conversion_key,
        dimension,
        dimension_value,
        count(*) as touches,
        min(position) = 1 as is_first,
        max(position) = max(touches) as is_last,
        count(*) = max(touches) as is_only
    from valued
    group by conversion_key, dimension, dimension_value

)

select * from final
