with

tiers as (

    select * from {{ ref('int_partner_tiers') }}

),

rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

-- Plans of several currencies are compared at the rate of the month's last day that is known.
valued as (

    select
        tiers.*,
        {{ converted('tiers.basis_revenue', 'rates.rate') }} as reporting_revenue
    from tiers
    cross join parameters
    left join rates
        on
            least({{ days_after(months_after('tiers.month', 1), -1) }}, parameters.as_of_on) = rates.rate_date
            and tiers.currency = rates.from_currency
            and parameters.reporting_currency = rates.to_currency
    where tiers.tier is not null

),

-- Where several plans have tiers, the one that most revenue counts for; without a rate it stands behind those with one.
final as (

    {% call first_of_each(
        'month, partner_id',
        'reporting_revenue desc nulls last, basis_revenue desc, plan_id asc'
    ) %}
    select
        month,
        partner_id,
        plan_id,
        programme,
        tier,
        currency,
        next_tier,
        case when next_tier_from is not null then greatest(next_tier_from - basis_revenue, 0) end as next_tier_gap
    from valued
    {% endcall %}

)

select * from final
