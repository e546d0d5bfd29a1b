with

facts as (

    select * from {{ ref('int_kpi_facts') }}

),

snapshots as (

    select * from {{ ref('int_kpi_snapshots') }}

),

periods as (

    select * from {{ ref('int_kpi_periods') }}

),

weights as (

    select * from {{ ref('quality_weights') }}

),

revenue as (

    select * from {{ ref('int_kpi_revenue') }}

),

months as (

    select
        period_start as month,
        previous_start as previous_month,
        is_closed
    from periods
    where grain = 'month'

),

facts_by_month as (

    select
        cast(date_trunc('month', occurred_on) as date) as month,
        partner_id,
        sum(case when measure = 'revenue' then amount else 0 end) as revenue,
        sum(case when measure = 'revenue' and influence = 'direct' then amount else 0 end) as direct_revenue,
        sum(case when measure = 'revenue' and influence = 'indirect' then amount else 0 end) as indirect_revenue,
        count(case when measure = 'revenue' and amount is null then 1 end) as unconverted_count,
        count(case when measure = 'lead' then 1 end) as leads,
        count(case when measure = 'qualified_lead' then 1 end) as qualified_leads,
        count(case when measure = 'converted_lead' then 1 end) as converted_leads,
        count(case when measure = 'new_customer' then 1 end) as new_customers,
        count(distinct case when measure = 'visitor' then entity_id end) as visitors,
        sum(case when measure = 'survey' then amount end) as survey_points,
        count(case when measure = 'survey' then 1 end) as surveys,
        sum(case when measure = 'ticket' then amount end) as ticket_points,
        count(case when measure = 'ticket' then 1 end) as tickets
    from facts
    where partner_id is not null
    group by {{ first_columns(2) }}

),

-- Also what an influencing partner claims of revenue that its sourcing partner has already been given.
claimed as (

    select
        cast(date_trunc('month', occurred_on) as date) as month,
        partner_id,
        sum(cast(whole_amount * claimed_share as {{ exact() }})) as influenced_revenue
    from revenue
    where influence = 'indirect'
    group by {{ first_columns(2) }}

),

active as (

    select
        period_start as month,
        partner_id
    from snapshots
    where grain = 'month' and measure = 'active_partner'

),

keys as (

    select
        month,
        partner_id
    from facts_by_month
    union
    select
        month,
        partner_id
    from active

),

joined as (

    select
        keys.month,
        keys.partner_id,
        months.is_closed,
        active.partner_id is not null as is_active,
        coalesce(facts_by_month.revenue, 0) as revenue,
        coalesce(facts_by_month.direct_revenue, 0) as direct_revenue,
        coalesce(facts_by_month.indirect_revenue, 0) as indirect_revenue,
        coalesce(facts_by_month.unconverted_count, 0) as unconverted_count,
        coalesce(previous.revenue, 0) as previous_revenue,
        coalesce(facts_by_month.leads, 0) as leads,
        coalesce(facts_by_month.qualified_leads, 0) as qualified_leads,
        coalesce(facts_by_month.converted_leads, 0) as converted_leads,
        coalesce(facts_by_month.new_customers, 0) as new_customers,
        coalesce(facts_by_month.visitors, 0) as visitors,
        coalesce(facts_by_month.surveys, 0) as surveys,
        coalesce(facts_by_month.tickets, 0) as tickets,
        facts_by_month.survey_points,
        facts_by_month.ticket_points
    from keys
    inner join months on keys.month = months.month
    left join facts_by_month
        on
            keys.month = facts_by_month.month
            and keys.partner_id = facts_by_month.partner_id
    left join facts_by_month as previous
        on
            months.previous_month = previous.month
            and keys.partner_id = previous.partner_id
    left join active
        on
            keys.month = active.month
            and keys.partner_id = active.partner_id

),

rated as (

    select
        *,
        cast({{ exact_ratio('100 * qualified_leads', 'leads') }} as {{ exact() }}) as lead_quality,
        cast({{ exact_ratio('100 * converted_leads', 'leads') }} as {{ exact() }}) as conversion,
        cast({{ exact_ratio('survey_points', 'surveys') }} as {{ exact() }}) as satisfaction,
        cast({{ exact_ratio('ticket_points', 'tickets') }} as {{ exact() }}) as support_satisfaction,
        case
            when previous_revenue > 0
                then cast(
                        {{ exact_ratio('100 * (revenue - previous_revenue)', 'previous_revenue') }} as {{ exact() }}
                    )
        end as growth
    from joined

),

components as (

    select
        rated.month,
        rated.partner_id,
        weights.weight,
        weights.full_marks_at,
        case weights.component
            when 'revenue' then cast(rated.revenue as {{ exact() }})
            when 'lead_quality' then rated.lead_quality
            when 'conversion' then rated.conversion
            when 'satisfaction' then rated.satisfaction
            when 'growth' then rated.growth
        end as component_value
    from rated
    inner join weights
        on
            rated.month >= weights.effective_from
            and (weights.effective_to is null or rated.month < weights.effective_to)

),

marked as (

    select
        month,
        partner_id,
        weight,
        least(10, greatest(0, {{ exact_ratio('10 * component_value', 'full_marks_at') }})) as mark
    from components
    where component_value is not null

),

-- A component without data leaves its weight to the others.
scores as (

    select
        month,
        partner_id,
        cast(
            {{ whole_ratio('sum(cast(weight * mark as ' ~ exact() ~ '))', 'sum(weight)') }} as {{ exact() }}
        ) as quality_score
    from marked
    group by month, partner_id

),

final as (

    select
        rated.month,
        rated.partner_id,
        rated.is_closed,
        rated.is_active,
        cast(rated.revenue as {{ exact() }}) as revenue,
        cast(rated.direct_revenue as {{ exact() }}) as direct_revenue,
        cast(rated.indirect_revenue as {{ exact() }}) as indirect_revenue,
        cast(coalesce(claimed.influenced_revenue, 0) as {{ exact() }}) as influenced_revenue,
        rated.growth,
        rated.leads,
        rated.qualified_leads,
        rated.converted_leads,
        rated.lead_quality,
        rated.conversion,
        rated.new_customers,
        rated.visitors,
        rated.satisfaction,
        rated.surveys,
        rated.support_satisfaction,
        rated.tickets,
        scores.quality_score,
        rated.unconverted_count
    from rated
    left join scores
        on
            rated.month = scores.month
            and rated.partner_id = scores.partner_id
    left join claimed
        on
            rated.month = claimed.month
            and rated.partner_id = claimed.partner_id

)

select * from final
