with

files as (

    select * from {{ ref('stg_files__contacts') }}

),

final as (

    select
        contact_id,
        customer_id,
        email,
        created_at,
        'files' as source
    from files

)

select * from final
