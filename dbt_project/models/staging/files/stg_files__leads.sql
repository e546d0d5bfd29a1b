with

landed as (

    select * from {{ source('files', 'leads') }}

),

latest as (

    {{ latest_by_key('landed', 'lead_id') }}

),

final as (

    select
        lead_id,
        customer_id,
        contact_id,
        partner_id,
        source,
        status,
        created_at,
        qualified_at,
        _load_id,
        _row
    from latest

)

select * from final
