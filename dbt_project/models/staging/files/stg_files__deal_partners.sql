with

landed as (

    select * from {{ source('files', 'deal_partners') }}

),

latest as (

    {{ latest_by_key('landed', 'deal_partner_id') }}

),

final as (

    select
        deal_partner_id,
        deal_id,
        partner_id,
        role,
        cast(share as {{ fraction() }}) as share,
        registered_at,
        approved_at,
        _load_id,
        _row
    from latest

)

select * from final
