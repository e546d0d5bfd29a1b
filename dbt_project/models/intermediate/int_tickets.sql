with

files as (

    select * from {{ ref('stg_files__tickets') }}

),

final as (

    select
        ticket_id,
        partner_id,
        opened_at,
        closed_at,
        score,
        'files' as source
    from files

)

select * from final
