with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

units as (

    select * from {{ ref('int_journeys_units') }}

),

channels as (

    select * from {{ ref('attribution_channels') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

direct_channels as (

    select units.unit_key as channel_key
    from units
    inner join channels on lower(units.unit_id) = channels.channel
    where
        units.unit = 'channel'
        and channels.is_direct

),

final as (

    select
        steps.lookback_id,
        steps.conversion_key,
        cast(count(*) as integer) as touches,
        max(steps.occurred_at) as last_occurred_at,
        coalesce(
            max(case when direct_channels.channel_key is null then steps.position end), cast(count(*) as integer)
        ) as last_non_direct_position,
        cast(count(case when steps.occurred_at <= conversions.lead_at then 1 end) as integer) as lead_position,
        cast(
            count(case when steps.occurred_at <= conversions.opportunity_at then 1 end) as integer
        ) as opportunity_position
    from steps
    inner join conversions on steps.conversion_key = conversions.conversion_key
    left join direct_channels on steps.channel_key = direct_channels.channel_key
    group by steps.lookback_id, steps.conversion_key

)

select * from final
