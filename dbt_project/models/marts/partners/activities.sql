{#- How long an account's lead or deal is still the work of an activity that one of its people responded to. -#}
{%- set follow_up_days = 90 -%}

with

activities as (

    select * from {{ ref('int_activities') }}

),

responses as (

    select * from {{ ref('int_activity_responses') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

leads as (

    select * from {{ ref('int_kpi_leads') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

movements as (

    select * from {{ ref('int_kpi_movements') }}

),

billing as (

    select * from {{ ref('int_billing_movements') }}

),

investments as (

    select * from {{ ref('int_kpi_investments') }}

),

rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

-- A response is the person's, and of the account that the person belongs to.
keyed_responses as (

    select
        responses.activity_id,
        responses.response_id,
        responses.occurred_at,
        'contact:' || responses.contact_id as respondent
    from responses
    where responses.contact_id is not null
    union all
    select
        responses.activity_id,
        responses.response_id,
        responses.occurred_at,
        'customer:' || contacts.customer_id as respondent
    from responses
    inner join contacts on responses.contact_id = contacts.contact_id
    where contacts.customer_id is not null

),

keyed_leads as (

    select
        lead_id,
        created_at,
        'contact:' || contact_id as respondent
    from leads
    where contact_id is not null
    union all
    select
        lead_id,
        created_at,
        'customer:' || customer_id as respondent
    from leads
    where customer_id is not null

),

-- The last response before it earns a lead or a deal, so that nothing is counted for two activities.
lead_activities as (

    {% call first_of_each(
        'keyed_leads.lead_id',
        'keyed_responses.occurred_at desc, keyed_responses.response_id asc'
    ) %}
    select
        keyed_leads.lead_id,
        keyed_responses.activity_id
    from keyed_leads
    inner join keyed_responses
        on
            keyed_leads.respondent = keyed_responses.respondent
            and keyed_leads.created_at >= keyed_responses.occurred_at
            and keyed_leads.created_at < {{ instant_days_after('keyed_responses.occurred_at', follow_up_days) }}
    {% endcall %}

),

deal_activities as (

    {% call first_of_each('deals.deal_id', 'keyed_responses.occurred_at desc, keyed_responses.response_id asc') %}
    select
        deals.deal_id,
        deals.currency,
        cast(deals.amount as {{ exact() }}) as amount,
        {{ report_day('deals.created_at') }} as created_on,
        keyed_responses.activity_id
    from deals
    inner join keyed_responses
        on
            'customer:' || deals.customer_id = keyed_responses.respondent
            and deals.created_at >= keyed_responses.occurred_at
            and deals.created_at < {{ instant_days_after('keyed_responses.occurred_at', follow_up_days) }}
    {% endcall %}

),

responses_by_activity as (

    select
        activity_id,
        count(distinct case when lower(kind) = 'registered' then coalesce(contact_id, response_id) end) as registered,
        count(distinct case when lower(kind) = 'attended' then coalesce(contact_id, response_id) end) as attended,
        count(distinct case when lower(kind) = 'followed_up' then coalesce(contact_id, response_id) end)
            as followed_up
    from responses
    group by activity_id

),

leads_by_activity as (

    select
        activity_id,
        count(*) as leads
    from lead_activities
    group by activity_id

),

priced_deals as (

    select
        deal_activities.activity_id,
        deal_activities.amount,
        {{ converted('deal_activities.amount', 'rates.rate') }} as reporting_amount
    from deal_activities
    cross join parameters
    left join rates
        on
            deal_activities.created_on = rates.rate_date
            and deal_activities.currency = rates.from_currency
            and parameters.reporting_currency = rates.to_currency

),

pipeline_by_activity as (

    select
        activity_id,
        count(*) as deals,
        sum(reporting_amount) as pipeline,
        count(case when amount <> 0 and reporting_amount is null then 1 end) as unconverted_count
    from priced_deals
    group by activity_id

),

revenue_by_activity as (

    select
        deal_activities.activity_id,
        sum(movements.reporting_amount) as revenue,
        count(case when movements.net_collected <> 0 and movements.reporting_amount is null then 1 end)
            as unconverted_count
    from deal_activities
    inner join billing on deal_activities.deal_id = billing.deal_id
    inner join movements
        on
            billing.movement_kind = movements.movement_kind
            and billing.movement_id = movements.movement_id
    group by deal_activities.activity_id

),

costs_by_activity as (

    select
        activity_id,
        sum(total_amount) as total_cost,
        sum(reporting_amount) as own_cost,
        count(*) - count(reporting_amount) as unconverted_count
    from investments
    where activity_id is not null
    group by activity_id

),

rounded as (

    select
        activities.*,
        parameters.reporting_currency,
        coalesce(responses_by_activity.registered, 0) as registered,
        coalesce(responses_by_activity.attended, 0) as attended,
        coalesce(responses_by_activity.followed_up, 0) as followed_up,
        coalesce(leads_by_activity.leads, 0) as leads,
        coalesce(pipeline_by_activity.deals, 0) as deals,
        {{ reporting_money('coalesce(pipeline_by_activity.pipeline, 0)', 'parameters.minor_unit') }} as pipeline,
        {{ reporting_money('coalesce(revenue_by_activity.revenue, 0)', 'parameters.minor_unit') }} as revenue,
        {{ reporting_money('coalesce(costs_by_activity.total_cost, 0)', 'parameters.minor_unit') }} as total_cost,
        {{ reporting_money('coalesce(costs_by_activity.own_cost, 0)', 'parameters.minor_unit') }} as own_cost,
        coalesce(pipeline_by_activity.unconverted_count, 0) + coalesce(revenue_by_activity.unconverted_count, 0)
        + coalesce(costs_by_activity.unconverted_count, 0) as unconverted_count
    from activities
    cross join parameters
    left join responses_by_activity on activities.activity_id = responses_by_activity.activity_id
    left join leads_by_activity on activities.activity_id = leads_by_activity.activity_id
    left join pipeline_by_activity on activities.activity_id = pipeline_by_activity.activity_id
    left join revenue_by_activity on activities.activity_id = revenue_by_activity.activity_id
    left join costs_by_activity on activities.activity_id = costs_by_activity.activity_id

),

final as (

    select
        activity_id,
        kind,
        name,
        partner_id,
        {{ report_day('starts_at') }} as starts_on,
        {{ report_day('ends_at') }} as ends_on,
        cast(registered as bigint) as registered,
        cast(attended as bigint) as attended,
        cast(followed_up as bigint) as followed_up,
        cast(round({{ exact_ratio('100 * followed_up', 'attended') }}, 6) as {{ exact() }}) as follow_up_rate,
        cast(leads as bigint) as leads,
        cast(deals as bigint) as deals,
        reporting_currency as currency,
        pipeline,
        revenue,
        total_cost,
        own_cost,
        cast(total_cost - own_cost as {{ money_total() }}) as partner_cost,
        {{ return_on('revenue', 'own_cost') }} as roi,
        unconverted_count
    from rounded

)

select * from final
