with

landed as (

    select * from {{ source('files', 'tickets') }}

),

typed as (

    select
        {{ text('ticket_id') }} as ticket_id,
        {{ text('partner_id') }} as partner_id,
        opened_at,
        closed_at,
        cast(score as {{ exact() }}) as score,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'ticket_id') }}

),

final as (

    select
        ticket_id,
        partner_id,
        opened_at,
        closed_at,
        score,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
