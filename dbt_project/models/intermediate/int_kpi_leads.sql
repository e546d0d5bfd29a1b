with

leads as (

    select * from {{ ref('int_leads') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

-- An account that won a deal after the lead came in converted it, whatever became of the lead's status in the CRM.
last_wins as (

    select
        customer_id,
        max(closed_at) as last_won_at
    from deals
    where is_won and customer_id is not null
    group by customer_id

),

flagged as (

    select
        leads.lead_id,
        leads.partner_id,
        leads.customer_id,
        leads.contact_id,
        leads.created_at,
        {{ report_day('leads.created_at') }} as created_on,
        {{ report_day('leads.qualified_at') }} as qualified_on,
        lower(coalesce(leads.status, '')) = 'converted'
        or coalesce(last_wins.last_won_at >= leads.created_at, false) as is_converted
    from leads
    left join last_wins on leads.customer_id = last_wins.customer_id

),

final as (

    select
        lead_id,
        partner_id,
        customer_id,
        contact_id,
        created_at,
        created_on,
        qualified_on,
        qualified_on is not null or is_converted as is_qualified,
        is_converted
    from flagged

)

select * from final
