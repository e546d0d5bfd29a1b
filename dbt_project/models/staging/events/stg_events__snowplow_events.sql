with

landed as (

    select * from {{ source('events', 'snowplow_events') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

typed as (

    select
        {{ text('event_id') }} as event_id,
        coalesce({{ text('domain_userid') }}, {{ text('network_userid') }}) as anonymous_id,
        {{ text('user_id') }} as user_id,
        coalesce(
            {{ text('partner_id') }},
            case when {{ word('mkt_medium') }} in ('partner', 'partner_link') then {{ text('mkt_source') }} end
        ) as partner_id,
        case
            when {{ word('event') }} = 'page_view' then 'page'
            when {{ word('event') }} in ('page_ping', 'transaction', 'transaction_item') then {{ word('event') }}
            when {{ word('event_name') }} = 'identify' then 'identify'
            else 'track'
        end as event_type,
        case
            when {{ word('event') }} = 'struct' then {{ word('se_action') }}
            when {{ word('event') }} = 'unstruct' then nullif({{ word('event_name') }}, 'identify')
        end as event_name,
        case
            when {{ word('mkt_medium') }} = 'partner' then 'partner_link' else {{ word('mkt_medium') }}
        end as channel,
        {{ text('mkt_campaign') }} as campaign,
        coalesce(derived_tstamp, dvce_created_tstamp, collector_tstamp) as occurred_at,
        collector_tstamp as received_at,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

-- A tracker sends an event again until it is confirmed, on whatever day that is: the first that was received counts.
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

-- A tracker has no call that says who somebody is: it names the user in every event from the log-in on.
followed as (

    select
        numbered.*,
        lag(user_id) over (partition by anonymous_id order by occurred_at, event_id) as user_before
    from numbered
    where delivery = 1

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
        coalesce(
            event_type = 'identify'
            or (user_id is not null and (user_before is null or user_before <> user_id)),
            false
        ) as is_identification,
        occurred_at,
        _load_id,
        _file,
        _row
    from followed

)

select * from final
