with

files as (

    select * from {{ ref('stg_files__activity_responses') }}

),

final as (

    select
        response_id,
        activity_id,
        contact_id,
        kind,
        occurred_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
