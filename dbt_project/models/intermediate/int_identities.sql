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
        'files' as source
    from files

)

select * from final
