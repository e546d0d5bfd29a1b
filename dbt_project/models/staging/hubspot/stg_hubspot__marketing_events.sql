with

landed as (

    select * from {{ source('hubspot', 'marketing_events') }}

),

typed as (

    select
        {{ text('id') }} as marketing_event_id,
        {{ text('partner_account_id') }} as partner_account_id,
        {{ text('hs_event_name') }} as name,
        {{ word('hs_event_type') }} as kind,
        hs_start_datetime as starts_at,
        hs_end_datetime as ends_at,
        hs_lastmodifieddate,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'marketing_event_id', version='hs_lastmodifieddate', deleted='archived') }}

),

final as (

    select
        marketing_event_id,
        partner_account_id,
        name,
        kind,
        starts_at,
        ends_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
