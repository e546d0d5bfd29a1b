with

landed as (

    select * from {{ source('files', 'enrolments') }}

),

latest as (

    {{ latest_by_key('landed', 'enrolment_id') }}

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
        _row
    from latest

)

select * from final
