with

landed as (

    select * from {{ source('files', 'holds') }}

),

typed as (

    select
        {{ text('hold_id') }} as hold_id,
        {{ text('partner_id') }} as partner_id,
        {{ text('movement_id') }} as movement_id,
        {{ text('reason') }} as reason,
        placed_at,
        released_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'hold_id') }}

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
        _file,
        _row
    from versions

)

select * from final
