with

files as (

    select * from {{ ref('stg_files__activities') }}

),

final as (

    select
        activity_id,
        kind,
        name,
        partner_id,
        starts_at,
        ends_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
