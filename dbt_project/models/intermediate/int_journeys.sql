with

touches as (

    select * from {{ ref('int_touches') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

lookbacks as (

    select distinct lookback_seconds from models

),

-- A touch at the instant of the conversion counts; one exactly a lookback before it does not.
converting as (

    select
        lookbacks.lookback_seconds,
        conversions.conversion_kind || ':' || conversions.conversion_id as journey_id,
        conversions.conversion_kind,
        conversions.conversion_id,
        conversions.lead_at,
        conversions.opportunity_at,
        touches.*
    from conversions
    inner join touches
        on
            conversions.account_id = touches.account_id
            and conversions.converted_at >= touches.occurred_at
    inner join lookbacks
        on
            {{ microseconds('conversions.converted_at') }} - {{ microseconds('touches.occurred_at') }}
            < cast(lookbacks.lookback_seconds as bigint) * 1000000

),

last_conversions as (

    select
        account_id,
        max(converted_at) as converted_at
    from conversions
    group by account_id

),

-- What an account did since its last conversion, or ever, has not converted yet.
open_journeys as (

    select
        lookbacks.lookback_seconds,
        'open:' || touches.account_id as journey_id,
        cast(null as varchar) as conversion_kind,
        cast(null as varchar) as conversion_id,
        cast(null as timestamptz) as lead_at,
        cast(null as timestamptz) as opportunity_at,
        touches.*
    from touches
    left join last_conversions on touches.account_id = last_conversions.account_id
    cross join lookbacks
    where
        touches.account_id is not null
        and (last_conversions.converted_at is null or touches.occurred_at > last_conversions.converted_at)

),

journeys as (

    select * from converting
    union all
    select * from open_journeys

),

ordered as (

    select
        *,
        row_number() over journey as position,
        count(*) over whole_journey as touches,
        max(occurred_at) over whole_journey as last_occurred_at,
        count(case when occurred_at <= lead_at then 1 end) over whole_journey as lead_position,
        count(case when occurred_at <= opportunity_at then 1 end) over whole_journey as opportunity_position,
        bool_and(is_direct) over whole_journey as is_all_direct
    from journeys
    window
        journey as (partition by lookback_seconds, journey_id order by occurred_at, touchpoint_id),
        whole_journey as (partition by lookback_seconds, journey_id)

),

final as (

    select
        lookback_seconds,
        journey_id,
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
        cast(position as integer) as position,
        cast(touches as integer) as touches,
        {{ microseconds('last_occurred_at') }} - {{ microseconds('occurred_at') }} as microseconds_to_last_touch,
        position = 1 as is_first,
        position = touches as is_last,
        position = coalesce(
            max(case when not is_direct or is_all_direct then position end) over (
                partition by lookback_seconds, journey_id
            ),
            0
        ) as is_last_non_direct,
        position = lead_position as is_lead,
        position = opportunity_position as is_opportunity
    from ordered

)

select * from final
