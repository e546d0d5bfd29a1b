with

landed as (

    select * from {{ source('files', 'tickets') }}

),

latest as (

    {{ latest_by_key('landed', 'ticket_id') }}

),

final as (

    select
        ticket_id,
        partner_id,
        opened_at,
        closed_at,
        cast(score as {{ exact() }}) as score,
        _load_id,
        _row
    from latest

)

select * from final
