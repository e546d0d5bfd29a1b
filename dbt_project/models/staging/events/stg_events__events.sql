with

landed as (

    select * from {{ source('events', 'events') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

typed as (

    select
        {{ text('messageId') }} as event_id,
        {{ text('anonymousId') }} as anonymous_id,
        {{ text('userId') }} as user_id,
        {{ text('partner_id') }} as partner_id,
        lower({{ text('type') }}) as event_type,
        {{ word('event') }} as event_name,
        {{ word('channel') }} as channel,
        {{ text('campaign') }} as campaign,
        timestamp as occurred_at,
        receivedat as received_at,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

-- A browser sends an event again until it is confirmed, on whatever day that is: the first that was received counts.
numbered as (

    select
        typed.*,
        row_number() over (
            partition by typed.event_id
            order by typed.received_at, typed._loaded_at, typed._row
        ) as delivery
    from typed
    cross join parameters
    where typed._loaded_at <= parameters.known_at

),

final as (

    select
        event_id,
        anonymous_id,
        user_id,
        partner_id,
        event_type,
        event_name,
        channel,
        campaign,
        event_type = 'identify' as is_identification,
        occurred_at,
        _load_id,
        _file,
        _row
    from numbered
    where delivery = 1
    union all
    select
        event_id,
        anonymous_id,
        user_id,
        partner_id,
        event_type,
        event_name,
        channel,
        campaign,
        is_identification,
        occurred_at,
        _load_id,
        _file,
        _row
    from {{ ref('stg_events__snowplow_events') }}

)

select * from final
