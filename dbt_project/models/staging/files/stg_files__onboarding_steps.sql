with

landed as (

    select * from {{ source('files', 'onboarding_steps') }}

),

typed as (

    select
        {{ text('step_id') }} as step_id,
        {{ text('partner_id') }} as partner_id,
        {{ word('step') }} as step,
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

    {{ latest_by_key('typed', 'step_id') }}

),

final as (

    select
        step_id,
        partner_id,
        step,
        completed_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
