with

landed as (

    select * from {{ source('files', 'activities') }}

),

typed as (

    select
        {{ text('activity_id') }} as activity_id,
        {{ word('kind') }} as kind,
        {{ text('name') }} as name,
        {{ text('partner_id') }} as partner_id,
        starts_at,
        ends_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'activity_id') }}

),

final as (

    select
        activity_id,
        kind,
        name,
        partner_id,
        starts_at,
        ends_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
