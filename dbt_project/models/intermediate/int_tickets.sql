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
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
