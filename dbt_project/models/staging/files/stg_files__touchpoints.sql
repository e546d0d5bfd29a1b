with

landed as (

    select * from {{ source('files', 'touchpoints') }}

),

latest as (

    {{ latest_by_key('landed', 'touchpoint_id') }}

),

final as (

    select
        touchpoint_id,
        occurred_at,
        customer_id,
        contact_id,
        anonymous_id,
        partner_id,
        channel,
        kind,
        _load_id,
        _row
    from latest

)

select * from final
