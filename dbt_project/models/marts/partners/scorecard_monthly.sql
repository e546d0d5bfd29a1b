with

partner_months as (

    select * from {{ ref('int_partner_months') }}

),

partners as (

    select * from {{ ref('int_partners') }}

),

tiers as (

    select * from {{ ref('int_partner_month_tiers') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

rounded as (

    select
        partner_months.month,
        partner_months.partner_id,
        partners.name as partner_name,
        partners.partner_type,
        partners.country,
        partner_months.is_active,
        parameters.reporting_currency as currency,
        {{ reporting_money('partner_months.revenue', 'parameters.minor_unit') }} as revenue,
        {{ reporting_money('partner_months.direct_revenue', 'parameters.minor_unit') }} as direct_revenue,
        {{ reporting_money('partner_months.influenced_revenue', 'parameters.minor_unit') }} as influenced_revenue,
        cast(round(partner_months.growth, 6) as {{ exact() }}) as growth,
        partner_months.leads,
        partner_months.qualified_leads,
        partner_months.converted_leads,
        cast(round(partner_months.lead_quality, 6) as {{ exact() }}) as lead_quality,
        cast(round(partner_months.conversion, 6) as {{ exact() }}) as conversion,
        partner_months.new_customers,
        partner_months.visitors,
        cast(round(partner_months.satisfaction, 6) as {{ exact() }}) as satisfaction,
        partner_months.surveys,
        cast(round(partner_months.support_satisfaction, 6) as {{ exact() }}) as support_satisfaction,
        partner_months.tickets,
        tiers.programme,
        tiers.tier,
        tiers.currency as tier_currency,
        tiers.next_tier,
        cast(tiers.next_tier_gap as {{ money_total() }}) as next_tier_gap,
        cast(round(partner_months.quality_score, 6) as {{ exact() }}) as quality_score,
        partner_months.unconverted_count,
        partner_months.is_closed
    from partner_months
    cross join parameters
    left join partners on partner_months.partner_id = partners.partner_id
    left join tiers
        on
            partner_months.month = tiers.month
            and partner_months.partner_id = tiers.partner_id

),

-- The parts are shown in whole cents that sum to the whole.
final as (

    select
        month,
        partner_id,
        partner_name,
        partner_type,
        country,
        is_active,
        currency,
        revenue,
        direct_revenue,
        cast(revenue - direct_revenue as {{ money_total() }}) as indirect_revenue,
        influenced_revenue,
        growth,
        leads,
        qualified_leads,
        converted_leads,
        lead_quality,
        conversion,
        new_customers,
        visitors,
        satisfaction,
        surveys,
        support_satisfaction,
        tickets,
        programme,
        tier,
        next_tier,
        next_tier_gap,
        tier_currency,
        quality_score,
        unconverted_count,
        is_closed
    from rounded

)

select * from final
