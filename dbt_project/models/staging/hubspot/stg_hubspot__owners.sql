with

landed as (

    select * from {{ source('hubspot', 'owners') }}

),

typed as (

    select
        {{ text('id') }} as owner_id,
        {{ text('user_id') }} as user_id,
        {{ word('type') }} as kind,
        createdAt as created_at,
        coalesce(archived, false) as is_archived,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'owner_id', version=none, deleted=none) }}

),

final as (

    select
        owner_id,
        user_id,
        kind,
        created_at,
        is_archived,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
