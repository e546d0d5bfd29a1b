with

landed as (

    select * from {{ source('files', 'enrolments') }}

),

typed as (

    select
        {{ text('enrolment_id') }} as enrolment_id,
        {{ text('partner_id') }} as partner_id,
        {{ text('programme') }} as programme,
        {{ text('plan_id') }} as plan_id,
        starts_on,
        ends_on,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'enrolment_id') }}

),

final as (

    select
        enrolment_id,
        partner_id,
        programme,
        plan_id,
        starts_on,
        ends_on,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
