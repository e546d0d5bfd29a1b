-- Every published fact of a known partner meets exactly one version of it: the one of the fact's day.
with

facts as (

    select
        'commission_lines' as fact,
        partner_id,
        earned_on as day,
        line_id as fact_id
    from {{ ref('int_commission_entitlement') }}
    union all
    select
        'leads' as fact,
        partner_id,
        created_on as day,
        lead_id as fact_id
    from {{ ref('int_kpi_leads') }}
    union all
    select
        'revenue' as fact,
        partner_id,
        occurred_on as day,
        movement_key || ' ' || influence as fact_id
    from {{ ref('int_kpi_revenue') }}
    union all
    select
        'scorecard_monthly' as fact,
        partner_id,
        month as day,
        partner_id as fact_id
    from {{ ref('scorecard_monthly') }}
    union all
    select
        'tickets' as fact,
        partner_id,
        opened_on as day,
        ticket_id as fact_id
    from {{ ref('tickets') }}

),

partners as (

    select * from {{ ref('dim_partner') }}

),

versions as (

    select * from {{ ref('dim_partner_history') }}

)

select
    facts.fact,
    facts.fact_id,
    facts.partner_id,
    facts.day
from facts
inner join partners on facts.partner_id = partners.partner_id
left join versions
    on
        facts.partner_id = versions.partner_id
        and facts.day >= versions.valid_from
        and facts.day < versions.valid_to
where facts.day is not null
group by all
having count(versions.partner_id) <> count(distinct facts.fact_id)
