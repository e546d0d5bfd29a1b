with

prospects as (

    select * from {{ ref('int_prospects') }}

),

stages as (

    select * from {{ ref('recruitment_stages') }}

),

weights as (

    select * from {{ ref('recruitment_weights') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

scored as (

    select
        prospects.prospect_id,
        weights.weight,
        case weights.criterion
            when 'strategic_fit' then prospects.strategic_fit
            when 'market_reach' then prospects.market_reach
            when 'brand_alignment' then prospects.brand_alignment
            when 'technical_compatibility' then prospects.technical_compatibility
            when 'revenue_potential' then prospects.revenue_potential
        end as score
    from prospects
    cross join weights

),

-- A criterion without a score leaves its weight to the others.
weighted as (

    select
        prospect_id,
        {{ whole_ratio('sum(cast(weight * score as ' ~ exact() ~ '))', 'sum(weight)') }} as weighted_score
    from scored
    where score is not null
    group by prospect_id

),

dated as (

    select
        prospects.*,
        lower(trim(prospects.stage)) as stage_name,
        {{ report_day('prospects.entered_at') }} as entered_on,
        {{ report_day('prospects.left_at') }} as left_on
    from prospects

),

final as (

    select
        dated.prospect_id,
        dated.name,
        dated.partner_type,
        dated.stage_name as stage,
        stages.stage_order,
        dated.entered_on,
        dated.left_on,
        dated.left_on is null as is_open,
        stages.planned_days,
        coalesce(dated.left_on, parameters.as_of_on) - dated.entered_on as actual_days,
        coalesce(dated.left_on, parameters.as_of_on) - dated.entered_on > stages.planned_days as is_late,
        cast(dated.strategic_fit as {{ exact() }}) as strategic_fit,
        cast(dated.market_reach as {{ exact() }}) as market_reach,
        cast(dated.brand_alignment as {{ exact() }}) as brand_alignment,
        cast(dated.technical_compatibility as {{ exact() }}) as technical_compatibility,
        cast(dated.revenue_potential as {{ exact() }}) as revenue_potential,
        cast(weighted.weighted_score as {{ exact() }}) as weighted_score
    from dated
    cross join parameters
    left join stages on dated.stage_name = stages.stage
    left join weighted on dated.prospect_id = weighted.prospect_id

)

select * from final
