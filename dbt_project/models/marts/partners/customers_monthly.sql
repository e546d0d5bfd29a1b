with

revenue as (

    select * from {{ ref('int_kpi_revenue') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

summed as (

    select
        cast(date_trunc('month', occurred_on) as date) as month,
        partner_id,
        coalesce(country, 'unknown') as country,
        coalesce(segment, 'unknown') as segment,
        count(distinct case when net_collected > 0 then customer_id end) as paying_customers,
        count(distinct case when is_first_payment then customer_id end) as new_customers,
        count(distinct case when net_collected < 0 then customer_id end) as refunded_customers,
        sum(reporting_amount) as revenue,
        sum(case when reporting_amount < 0 then reporting_amount else 0 end) as given_back,
        count(case when net_collected <> 0 and reporting_amount is null then 1 end) as unconverted_count
    from revenue
    group by {{ first_columns(4) }}

),

rounded as (

    select
        {{ all_but(['revenue', 'given_back'], 'summed') }},
        parameters.reporting_currency,
        parameters.minor_unit,
        {{ reporting_money('coalesce(summed.revenue, 0)', 'parameters.minor_unit') }} as revenue,
        {{ reporting_money('coalesce(summed.given_back, 0)', 'parameters.minor_unit') }} as given_back
    from summed
    cross join parameters

),

final as (

    select
        month,
        partner_id,
        country,
        segment,
        paying_customers,
        new_customers,
        refunded_customers,
        reporting_currency as currency,
        revenue,
        given_back,
        {{ reporting_money(exact_ratio('revenue', 'paying_customers'), 'minor_unit') }} as revenue_per_customer,
        unconverted_count
    from rounded

)

select * from final
