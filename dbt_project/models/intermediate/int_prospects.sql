with

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

distinct_records as (

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
    from {{ ref('stg_files__prospects') }}

),

final as (

    select
        distinct_records.prospect_id,
        distinct_records.name,
        distinct_records.partner_type,
        distinct_records.stage,
        distinct_records.strategic_fit,
        distinct_records.market_reach,
        distinct_records.brand_alignment,
        distinct_records.technical_compatibility,
        distinct_records.revenue_potential,
        distinct_records.entered_at,
        case when distinct_records.left_at <= parameters.as_of then distinct_records.left_at end as left_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    cross join parameters
    where distinct_records.entered_at is null or distinct_records.entered_at <= parameters.as_of

)

select * from final
