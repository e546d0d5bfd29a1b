with

files as (

    select * from {{ ref('stg_files__onboarding_steps') }}

),

final as (

    select
        step_id,
        partner_id,
        step,
        completed_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
