with

files as (

    select * from {{ ref('stg_files__prospects') }}

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
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
