with

landed as (

    select * from {{ source('files', 'prospects') }}

),

latest as (

    {{ latest_by_key('landed', 'prospect_id') }}

),

final as (

    select
        prospect_id,
        name,
        partner_type,
        stage,
        cast(strategic_fit as {{ exact() }}) as strategic_fit,
        cast(market_reach as {{ exact() }}) as market_reach,
        cast(brand_alignment as {{ exact() }}) as brand_alignment,
        cast(technical_compatibility as {{ exact() }}) as technical_compatibility,
        cast(revenue_potential as {{ exact() }}) as revenue_potential,
        entered_at,
        left_at,
        _load_id,
        _row
    from latest

)

select * from final
