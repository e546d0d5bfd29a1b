with

landed as (

    select * from {{ source('files', 'partners') }}

),

latest as (

    {{ latest_by_key('landed', 'partner_id') }}

),

final as (

    select
        partner_id,
        name,
        partner_type,
        country,
        currency,
        status,
        signed_at,
        terminated_at,
        _load_id,
        _row
    from latest

)

select * from final
