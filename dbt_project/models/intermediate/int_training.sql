with

files as (

    select * from {{ ref('stg_files__training') }}

),

final as (

    select
        training_id,
        partner_id,
        course,
        assigned_at,
        completed_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
