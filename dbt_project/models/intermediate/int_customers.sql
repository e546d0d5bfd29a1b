with

files as (

    select * from {{ ref('stg_files__customers') }}

),

final as (

    select
        customer_id,
        name,
        country,
        segment,
        created_at,
        'files' as source
    from files

)

select * from final
