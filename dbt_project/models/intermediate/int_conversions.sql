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
        deals.customer_id as account_id,
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

lead_conversions as (

    select
        'lead' as conversion_kind,
        leads.lead_id as conversion_id,
        coalesce(leads.customer_id, contacts.customer_id, 'contact:' || leads.contact_id) as account_id,
        0 as amount,
        parameters.reporting_currency as currency,
        case
            when leads.qualified_at between leads.created_at and parameters.as_of then leads.qualified_at
            else leads.created_at
        end as converted_at,
        leads.created_at,
        cast(null as timestamptz) as opportunity_at
    from leads
    left join contacts on leads.contact_id = contacts.contact_id
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
        conversions.conversion_id,
        max(lead_conversions.created_at) as lead_at
    from conversions
    inner join lead_conversions
        on
            conversions.account_id = lead_conversions.account_id
            and lead_conversions.created_at
            <= coalesce(conversions.opportunity_at, conversions.created_at, conversions.converted_at)
    where conversions.conversion_kind = 'deal'
    group by conversions.conversion_id

),

final as (

    select
        conversions.conversion_kind,
        conversions.conversion_id,
        conversions.account_id,
        cast(conversions.amount as {{ money() }}) as amount,
        conversions.currency,
        -- What is finer than the minor unit is shared out in thousandths, so that nothing is lost.
        case
            when
                {{ to_units('conversions.amount', 3) }}
                % {{ mills_per_minor_unit('currencies.minor_unit') }} = 0
                then {{ mills_per_minor_unit('currencies.minor_unit') }}
            else 1
        end as mills_per_part,
        cast(
            round(conversions.amount * case
                when conversions.currency = parameters.reporting_currency then 1
                else fx_rates.rate
            end, 3) as {{ money() }}
        ) as reporting_amount,
        parameters.reporting_currency,
        conversions.converted_at,
        cast(date_trunc('month', {{ local_day('conversions.converted_at', 'parameters.timezone') }}) as date) as month,
        case
            when conversions.conversion_kind = 'lead' then conversions.created_at
            when deal_leads.lead_at is not null then deal_leads.lead_at
            when conversions.created_at < conversions.opportunity_at then conversions.created_at
        end as lead_at,
        case
            when conversions.conversion_kind = 'deal'
                then coalesce(conversions.opportunity_at, conversions.created_at)
        end as opportunity_at
    from conversions
    cross join parameters
    left join currencies on conversions.currency = currencies.currency
    left join deal_leads
        on
            conversions.conversion_id = deal_leads.conversion_id
            and conversions.conversion_kind = 'deal'
    left join fx_rates
        on
            {{ local_day('conversions.converted_at', 'parameters.timezone') }} = fx_rates.rate_date
            and conversions.currency = fx_rates.from_currency
            and parameters.reporting_currency = fx_rates.to_currency
            and conversions.currency <> parameters.reporting_currency

)

select * from final
