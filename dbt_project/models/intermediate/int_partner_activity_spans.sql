{#- A day of activity keeps a partner active for 90 days: until the end of the 89th day after it. -#}
{%- set trailing_days = 90 -%}

with

leads as (

    select * from {{ ref('int_kpi_leads') }}

),

registrations as (

    select * from {{ ref('int_deal_partners') }}

),

touches as (

    select * from {{ ref('int_touches') }}

),

revenue as (

    select * from {{ ref('int_kpi_revenue') }}

),

active_days as (

    select
        partner_id,
        created_on as active_on
    from leads
    where partner_id is not null
    union
    select
        partner_id,
        {{ report_day('registered_at') }}
    from registrations
    where registered_at is not null
    union
    select
        partner_id,
        {{ report_day('occurred_at') }}
    from touches
    where partner_id is not null
    union
    select
        partner_id,
        occurred_on
    from revenue
    where net_collected > 0 and share > 0

),

-- A new span begins where the day before it in the list is too old to keep the partner active until this one.
begun as (

    select
        partner_id,
        active_on,
        coalesce(
            lag(active_on) over (partition by partner_id order by active_on)
            < {{ days_after('active_on', -trailing_days) }},
            true
        ) as is_first
    from active_days

),

numbered as (

    select
        partner_id,
        active_on,
        sum(case when is_first then 1 else 0 end) over (
            partition by partner_id order by active_on rows between unbounded preceding and current row
        ) as span_number
    from begun

),

final as (

    select
        partner_id,
        min(active_on) as active_from,
        {{ days_after('max(active_on)', trailing_days) }} as active_until
    from numbered
    group by partner_id, span_number

)

select * from final
