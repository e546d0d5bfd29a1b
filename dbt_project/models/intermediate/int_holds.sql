with

files as (

    select * from {{ ref('stg_files__holds') }}

),

final as (

    select
        hold_id,
        partner_id,
        movement_id,
        reason,
        placed_at,
        released_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
