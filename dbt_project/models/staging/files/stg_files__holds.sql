with

landed as (

    select * from {{ source('files', 'holds') }}

),

latest as (

    {{ latest_by_key('landed', 'hold_id') }}

),

final as (

    select
        hold_id,
        partner_id,
        movement_id,
        reason,
        placed_at,
        released_at,
        _load_id,
        _row
    from latest

)

select * from final
