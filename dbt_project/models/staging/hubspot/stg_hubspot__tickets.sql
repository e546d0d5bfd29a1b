with

landed as (

    select * from {{ source('hubspot', 'tickets') }}

),

typed as (

    select
        {{ text('id') }} as ticket_id,
        {{ text('partner_account_id') }} as partner_account_id,
        cast(satisfaction_score as {{ exact() }}) as score,
        createdate as opened_at,
        closed_date as closed_at,
        hs_lastmodifieddate,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'ticket_id', version='hs_lastmodifieddate', deleted='archived') }}

),

final as (

    select
        ticket_id,
        partner_account_id,
        score,
        opened_at,
        closed_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
