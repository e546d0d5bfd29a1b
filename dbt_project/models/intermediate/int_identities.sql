with

files as (

    select * from {{ ref('stg_files__identities') }}

),

final as (

    select
        identity_id,
        anonymous_id,
        contact_id,
        identified_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
