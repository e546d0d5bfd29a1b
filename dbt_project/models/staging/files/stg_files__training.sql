with

landed as (

    select * from {{ source('files', 'training') }}

),

typed as (

    select
        {{ text('training_id') }} as training_id,
        {{ text('partner_id') }} as partner_id,
        {{ text('course') }} as course,
        assigned_at,
        completed_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'training_id') }}

),

final as (

    select
        training_id,
        partner_id,
        course,
        assigned_at,
        completed_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
