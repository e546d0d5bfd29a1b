with

files as (

    select * from {{ ref('stg_files__enrolments') }}

),

final as (

    select
        enrolment_id,
        partner_id,
        programme,
        plan_id,
        starts_on,
        ends_on,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
