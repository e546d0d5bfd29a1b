with

files as (

    select * from {{ ref('stg_files__surveys') }}

),

final as (

    select
        survey_id,
        partner_id,
        score,
        answered_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
