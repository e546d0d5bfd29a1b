with

deals as (

    select * from {{ ref('int_deals') }}

),

leads as (

    select * from {{ ref('int_leads') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

fx_rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

won_deals as (

    select
        'deal' as conversion_kind,
        deals.deal_id as conversion_id,
        {{ customer_account('deals.customer_id') }} as account_id,
        coalesce(deals.amount, 0) as amount,
        coalesce(deals.currency, parameters.reporting_currency) as currency,
        deals.closed_at as converted_at,
        deals.created_at,
        deals.opportunity_at
    from deals
    cross join parameters
    where
        deals.is_won
        and deals.closed_at <= parameters.as_of

),

-- A system that numbers leads and deals apart gives both the same ids; a conversion's id is its own all the same.
lead_conversions as (

    select
        'lead' as conversion_kind,
        case
            when deals.deal_id is not null or leads.lead_id like 'lead:%' then 'lead:' || leads.lead_id
            else leads.lead_id
        end as conversion_id,
        coalesce(
            {{ customer_account('coalesce(leads.customer_id, contacts.customer_id)') }},
            {{ stranger_account('contact', 'leads.contact_id') }}
        ) as account_id,
        cast(0 as {{ money() }}) as amount,
        parameters.reporting_currency as currency,
        case
            when leads.qualified_at between leads.created_at and parameters.as_of then leads.qualified_at
            else leads.created_at
        end as converted_at,
        leads.created_at,
        cast(null as {{ instant_type() }}) as opportunity_at
    from leads
    left join contacts on leads.contact_id = contacts.contact_id
    left join deals on leads.lead_id = deals.deal_id
    cross join parameters
    where leads.created_at <= parameters.as_of

),

conversions as (

    select * from won_deals
    union all
    select * from lead_conversions

),

-- The account's newest lead when the deal came into play.
deal_leads as (

    select
        won_deals.conversion_id,
        max(leads_of_accounts.created_at) as lead_at
    from won_deals
    inner join lead_conversions as leads_of_accounts on won_deals.account_id = leads_of_accounts.account_id
    where
        leads_of_accounts.created_at
        <= coalesce(won_deals.opportunity_at, won_deals.created_at, won_deals.converted_at)
    group by won_deals.conversion_id

),

dated as (

    select
        conversions.*,
        parameters.reporting_currency,
        {{ local_day('conversions.converted_at', 'parameters.timezone') }} as converted_on
    from conversions
    cross join parameters

),

reporting_rates as (

    select
        fx_rates.rate_date,
        fx_rates.from_currency,
        fx_rates.rate
    from fx_rates
    inner join parameters on fx_rates.to_currency = parameters.reporting_currency

),

final as (

    select
        cast(row_number() over (order by dated.conversion_kind, dated.conversion_id) as bigint) as conversion_key,
        dated.conversion_kind,
        dated.conversion_id,
        dated.account_id,
        cast(dated.amount as {{ money() }}) as amount,
        dated.currency,
        -- What is finer than the minor unit is shared out in thousandths, so that nothing is lost.
        case
            when {{ to_units('dated.amount', 3) }} % {{ mills_per_minor_unit('currencies.minor_unit') }} = 0
                then {{ mills_per_minor_unit('currencies.minor_unit') }}
            else 1
        end as mills_per_part,
        case
            when dated.currency = dated.reporting_currency then cast(1 as {{ exact() }})
            when {{ is_convertible('coalesce(dated.amount, 0)', 'reporting_rates.rate') }} then reporting_rates.rate
        end as reporting_rate,
        dated.reporting_currency,
        dated.converted_at,
        cast(date_trunc('month', dated.converted_on) as date) as month,
        case
            when dated.conversion_kind = 'lead' then dated.created_at
            when deal_leads.lead_at is not null then deal_leads.lead_at
            when dated.created_at < dated.opportunity_at then dated.created_at
        end as lead_at,
        case
            when dated.conversion_kind = 'deal' then coalesce(dated.opportunity_at, dated.created_at)
        end as opportunity_at
    from dated
    left join currencies on dated.currency = currencies.currency
    left join deal_leads
        on
            dated.conversion_id = deal_leads.conversion_id
            and dated.conversion_kind = 'deal'
    left join reporting_rates
        on
            dated.converted_on = reporting_rates.rate_date
            and dated.currency = reporting_rates.from_currency

)

select * from final
