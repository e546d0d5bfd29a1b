with

periods as (

    select * from {{ ref('int_kpi_periods') }}

),

partner_months as (

    select * from {{ ref('int_partner_months') }}

),

investments as (

    select * from {{ ref('int_kpi_investments') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

invested as (

    select
        cast(date_trunc('month', spent_on) as date) as month,
        coalesce(partner_id, 'unassigned') as partner_id,
        sum(case when kind = 'commission' then reporting_amount else 0 end) as commissions,
        sum(case when kind = 'co_marketing' then reporting_amount else 0 end) as co_marketing,
        sum(case when kind = 'programme' then reporting_amount else 0 end) as programme_costs,
        count(*) - count(reporting_amount) as unconverted_count
    from investments
    group by {{ first_columns(2) }}

),

keys as (

    select
        month,
        partner_id
    from partner_months
    where revenue <> 0 or direct_revenue <> 0 or unconverted_count > 0
    union
    select
        month,
        partner_id
    from invested

),

rounded as (

    select
        keys.month,
        keys.partner_id,
        periods.is_closed,
        parameters.reporting_currency,
        {{ reporting_money('coalesce(partner_months.direct_revenue, 0)', 'parameters.minor_unit') }} as direct_revenue,
        {{ reporting_money('coalesce(partner_months.revenue, 0)', 'parameters.minor_unit') }} as revenue,
        {{ reporting_money('coalesce(invested.commissions, 0)', 'parameters.minor_unit') }} as commissions,
        {{ reporting_money('coalesce(invested.co_marketing, 0)', 'parameters.minor_unit') }} as co_marketing,
        {{ reporting_money('coalesce(invested.programme_costs, 0)', 'parameters.minor_unit') }} as programme_costs,
        coalesce(partner_months.unconverted_count, 0) + coalesce(invested.unconverted_count, 0) as unconverted_count
    from keys
    inner join periods
        on
            keys.month = periods.period_start
            and periods.grain = 'month'
    cross join parameters
    left join partner_months
        on
            keys.month = partner_months.month
            and keys.partner_id = partner_months.partner_id
    left join invested
        on
            keys.month = invested.month
            and keys.partner_id = invested.partner_id

),

-- The parts are shown in whole cents that sum to the whole.
totals as (

    select
        *,
        cast(revenue - direct_revenue as {{ money_total() }}) as indirect_revenue,
        cast(commissions + co_marketing + programme_costs as {{ money_total() }}) as investment
    from rounded

),

final as (

    select
        month,
        partner_id,
        reporting_currency as currency,
        revenue,
        direct_revenue,
        indirect_revenue,
        investment,
        commissions,
        co_marketing,
        programme_costs,
        {{ return_on('revenue', 'investment') }} as roi,
        cast(unconverted_count as bigint) as unconverted_count,
        is_closed
    from totals

)

select * from final
