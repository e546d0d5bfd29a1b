with

landed as (

    select * from {{ source('hubspot', 'event_participations') }}

),

typed as (

    select
        {{ text('id') }} as event_participation_id,
        {{ text('marketing_event_id') }} as marketing_event_id,
        {{ text('contact_id') }} as contact_id,
        {{ word('state') }} as state,
        occurred_at,
        hs_lastmodifieddate,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'event_participation_id', version='hs_lastmodifieddate', deleted='archived') }}

),

final as (

    select
        event_participation_id,
        marketing_event_id,
        contact_id,
        state,
        occurred_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
