with

journeys as (

    select * from {{ ref('int_journeys') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

campaigns as (

    select * from {{ ref('int_touch_campaigns') }}

),

converting as (

    select
        journeys.conversion_kind,
        journeys.conversion_id,
        journeys.channel,
        journeys.channel_group,
        journeys.partner_id,
        campaigns.campaign_id,
        journeys.position,
        journeys.touches
    from journeys
    inner join models on journeys.lookback_seconds = models.lookback_seconds
    left join campaigns on journeys.touchpoint_id = campaigns.touchpoint_id
    where
        models.model = 'last_touch'
        and journeys.conversion_id is not null

),

valued as (

    select
        conversion_kind,
        conversion_id,
        'channel' as dimension,
        channel as dimension_value,
        position,
        touches
    from converting
    union all
    select
        conversion_kind,
        conversion_id,
        'channel_group' as dimension,
        channel_group as dimension_value,
        position,
        touches
    from converting
    union all
    select
        conversion_kind,
        conversion_id,
        'campaign' as dimension,
        coalesce(campaign_id, 'no_campaign') as dimension_value,
        position,
        touches
    from converting
    union all
    select
        conversion_kind,
        conversion_id,
        'partner' as dimension,
        coalesce(partner_id, 'no_partner') as dimension_value,
        position,
        touches
    from converting

),

final as (

    select
        conversion_kind,
        conversion_id,
        dimension,
        dimension_value,
        count(*) as touches,
        min(position) = 1 as is_first,
        max(position) = max(touches) as is_last,
        count(*) = max(touches) as is_only
    from valued
    group by conversion_kind, conversion_id, dimension, dimension_value

)

select * from final
