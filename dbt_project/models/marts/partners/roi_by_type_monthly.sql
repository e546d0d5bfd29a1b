with

roi as (

    select * from {{ ref('roi_monthly') }}

),

partners as (

    select * from {{ ref('dim_partner') }}

),

roi_bands as (

    select * from {{ ref('roi_bands') }}

),

typed as (

    select
        roi.*,
        case
            when roi.partner_id = 'unassigned' then 'unassigned'
            else coalesce(nullif(partners.partner_type, 'unassigned'), 'unknown')
        end as partner_type
    from roi
    left join partners on roi.partner_id = partners.partner_id

),

summed as (

    select
        month,
        partner_type,
        currency,
        is_closed,
        count(distinct partner_id) as partners,
        sum(revenue) as revenue,
        sum(direct_revenue) as direct_revenue,
        sum(indirect_revenue) as indirect_revenue,
        sum(investment) as investment,
        sum(unconverted_count) as unconverted_count
    from typed
    group by {{ first_columns(4) }}

),

-- Direct and indirect are each measured against the whole investment: what was spent is spent on both.
measured as (

    select
        *,
        {{ return_on('revenue', 'investment') }} as roi,
        {{ return_on('direct_revenue', 'investment') }} as direct_roi,
        {{ return_on('indirect_revenue', 'investment') }} as indirect_roi
    from summed

),

final as (

    select
        measured.month,
        measured.partner_type,
        measured.currency,
        measured.partners,
        cast(measured.revenue as {{ money_total() }}) as revenue,
        cast(measured.direct_revenue as {{ money_total() }}) as direct_revenue,
        cast(measured.indirect_revenue as {{ money_total() }}) as indirect_revenue,
        cast(measured.investment as {{ money_total() }}) as investment,
        measured.roi,
        measured.direct_roi,
        measured.indirect_roi,
        cast(roi_bands.roi_from as {{ exact() }}) as roi_from,
        cast(roi_bands.roi_to as {{ exact() }}) as roi_to,
        case
            when measured.roi is null then 'no_data'
            when roi_bands.partner_type is null then 'no_band'
            when measured.roi < roi_bands.roi_from then 'below'
            when measured.roi > roi_bands.roi_to then 'above'
            else 'within'
        end as band,
        cast(measured.unconverted_count as bigint) as unconverted_count,
        measured.is_closed
    from measured
    left join roi_bands
        on
            measured.partner_type = roi_bands.partner_type
            and measured.month >= roi_bands.effective_from
            and measured.month < coalesce(roi_bands.effective_to, cast('9999-12-31' as date))

)

select * from final
