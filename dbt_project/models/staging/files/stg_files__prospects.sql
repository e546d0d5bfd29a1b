with

landed as (

    select * from {{ source('files', 'prospects') }}

),

typed as (

    select
        {{ text('prospect_id') }} as prospect_id,
        {{ text('name') }} as name,
        {{ word('partner_type') }} as partner_type,
        {{ text('stage') }} as stage,
        cast(strategic_fit as {{ exact() }}) as strategic_fit,
        cast(market_reach as {{ exact() }}) as market_reach,
        cast(brand_alignment as {{ exact() }}) as brand_alignment,
        cast(technical_compatibility as {{ exact() }}) as technical_compatibility,
        cast(revenue_potential as {{ exact() }}) as revenue_potential,
        entered_at,
        left_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'prospect_id') }}

),

final as (

    select
        prospect_id,
        name,
        partner_type,
        stage,
        strategic_fit,
        market_reach,
        brand_alignment,
        technical_compatibility,
        revenue_potential,
        entered_at,
        left_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
