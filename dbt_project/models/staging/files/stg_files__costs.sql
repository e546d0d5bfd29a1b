with

landed as (

    select * from {{ source('files', 'costs') }}

),

latest as (

    {{ latest_by_key('landed', 'cost_id') }}

),

final as (

    select
        cost_id,
        month,
        partner_id,
        activity_id,
        category,
        cast(amount as {{ money() }}) as amount,
        currency,
        cast(partner_share as {{ fraction() }}) as partner_share,
        _load_id,
        _row
    from latest

)

select * from final
