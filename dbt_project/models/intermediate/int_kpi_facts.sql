with

leads as (

    select * from {{ ref('int_kpi_leads') }}

),

visitors as (

    select * from {{ ref('int_kpi_visitors') }}

),

movements as (

    select * from {{ ref('int_kpi_movements') }}

),

revenue as (

    select * from {{ ref('int_kpi_revenue') }}

),

surveys as (

    select * from {{ ref('int_surveys') }}

),

tickets as (

    select * from {{ ref('int_tickets') }}

),

onboarding as (

    select * from {{ ref('int_partner_onboarding') }}

),

market_sizes as (

    select * from {{ ref('int_kpi_market_sizes') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

gathered as (

    select
        'lead' as measure,
        created_on as occurred_on,
        partner_id,
        cast(null as {{ text_type() }}) as influence,
        lead_id as entity_id,
        cast(1 as {{ exact() }}) as amount
    from leads
    where partner_id is not null
    union all
    select
        'qualified_lead' as measure,
        created_on as occurred_on,
        partner_id,
        null as influence,
        lead_id as entity_id,
        1 as amount
    from leads
    where partner_id is not null and is_qualified
    union all
    select
        'converted_lead' as measure,
        created_on as occurred_on,
        partner_id,
        null as influence,
        lead_id as entity_id,
        1 as amount
    from leads
    where partner_id is not null and is_converted
    union all
    select
        'visitor' as measure,
        visited_on as occurred_on,
        partner_id,
        null as influence,
        visitor_id as entity_id,
        1 as amount
    from visitors
    where visitor_id is not null
    union all
    select
        'collected' as measure,
        occurred_on,
        null as partner_id,
        null as influence,
        movement_key as entity_id,
        reporting_amount as amount
    from movements
    where net_collected <> 0
    union all
    select
        'revenue' as measure,
        occurred_on,
        partner_id,
        influence,
        movement_key as entity_id,
        reporting_amount as amount
    from revenue
    where net_collected <> 0
    union all
    select distinct
        'new_customer' as measure,
        occurred_on,
        partner_id,
        null as influence,
        customer_id as entity_id,
        1 as amount
    from revenue
    where is_first_payment and share > 0
    union all
    select
        'survey' as measure,
        {{ report_day('answered_at') }} as occurred_on,
        partner_id,
        null as influence,
        survey_id as entity_id,
        score as amount
    from surveys
    where score is not null
    union all
    select
        'ticket' as measure,
        {{ report_day('closed_at') }} as occurred_on,
        partner_id,
        null as influence,
        ticket_id as entity_id,
        score as amount
    from tickets
    where score is not null and closed_at is not null
    union all
    select
        'onboarding' as measure,
        completed_on as occurred_on,
        partner_id,
        null as influence,
        partner_id as entity_id,
        days_to_complete as amount
    from onboarding
    where days_to_complete is not null
    union all
    select
        'market_size' as measure,
        month as occurred_on,
        null as partner_id,
        null as influence,
        market_size_id as entity_id,
        reporting_amount as amount
    from market_sizes

),

final as (

    select
        gathered.measure,
        gathered.occurred_on,
        gathered.partner_id,
        gathered.influence,
        gathered.entity_id,
        cast(gathered.amount as {{ exact() }}) as amount
    from gathered
    cross join parameters
    where gathered.occurred_on <= parameters.as_of_on

)

select * from final
