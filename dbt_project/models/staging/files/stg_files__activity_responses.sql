with

landed as (

    select * from {{ source('files', 'activity_responses') }}

),

typed as (

    select
        {{ text('response_id') }} as response_id,
        {{ text('activity_id') }} as activity_id,
        {{ text('contact_id') }} as contact_id,
        {{ word('kind') }} as kind,
        occurred_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'response_id') }}

),

final as (

    select
        response_id,
        activity_id,
        contact_id,
        kind,
        occurred_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
