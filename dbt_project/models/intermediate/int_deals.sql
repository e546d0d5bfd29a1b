with

known_customers as (

    select distinct
        source_id,
        customer_id
    from {{ ref('int_customer_ids') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

contact_ids as (

    select * from {{ ref('int_contact_ids') }}

),

company_of_deal as (

    select * from {{ ref('stg_hubspot__deals_to_companies') }}

),

contact_of_deal as (

    select * from {{ ref('stg_hubspot__deals_to_contacts') }}

),

files as (

    select * from {{ ref('stg_files__deals') }}

),

opportunities as (

    select * from {{ ref('stg_salesforce__opportunities') }}

),

hubspot_records as (

    select * from {{ ref('stg_hubspot__deals') }}

),

deal_masters as (

    select
        loser_id,
        master_id
    from {{ ref('int_merged_records') }}
    where source = 'hubspot' and object = 'deal'

),

-- A deal that went into another one stays landed until ids are compared: else its amount would count twice.
hubspot_deals as (

    select hubspot_records.*
    from hubspot_records
    left join deal_masters on hubspot_records.deal_id = deal_masters.loser_id
    where deal_masters.loser_id is null

),

file_ids as (

    select deal_id
    from files

),

-- A HubSpot deal without a company is its contact's customer's.
contact_customers as (

    select
        contact_of_deal.deal_id,
        contacts.customer_id
    from contact_of_deal
    inner join contact_ids
        on
            contact_of_deal.contact_id = contact_ids.source_id
            and contact_ids.source = 'hubspot'
    inner join contacts on contact_ids.contact_id = contacts.contact_id

),

-- Where a CRM keeps one field for the expected and the actual close, an open deal has no close.
records as (

    select
        deal_id,
        customer_id,
        name,
        stage,
        amount,
        currency,
        created_at,
        opportunity_at,
        closed_at,
        coalesce(is_won, {{ word('stage') }} in ('closed_won', 'closedwon', 'won')) as is_won,
        'files' as source,
        deal_id as source_id,
        _load_id,
        _file,
        _row
    from files
    union all
    select
        opportunity_id as deal_id,
        account_id as customer_id,
        name,
        stage,
        amount,
        currency,
        created_at,
        opportunity_at,
        case
            when is_closed or is_won
                then coalesce(closed_at, {{ utc_midnight('close_date') }})
        end as closed_at,
        is_won,
        'salesforce' as source,
        opportunity_id as source_id,
        _load_id,
        _file,
        _row
    from opportunities
    union all
    select
        case
            when file_ids.deal_id is null then 'hs_' || hubspot_deals.deal_id else hubspot_deals.deal_id
        end as deal_id,
        coalesce(company_of_deal.company_id, contact_customers.customer_id) as customer_id,
        hubspot_deals.name,
        hubspot_deals.stage,
        hubspot_deals.amount,
        hubspot_deals.currency,
        hubspot_deals.created_at,
        hubspot_deals.opportunity_at,
        case
            when hubspot_deals.is_won or lower(hubspot_deals.stage) like '%lost%' then hubspot_deals.closed_at
        end as closed_at,
        hubspot_deals.is_won,
        'hubspot' as source,
        hubspot_deals.deal_id as source_id,
        hubspot_deals._load_id,
        hubspot_deals._file,
        hubspot_deals._row
    from hubspot_deals
    left join file_ids on hubspot_deals.deal_id = file_ids.deal_id
    left join company_of_deal on hubspot_deals.deal_id = company_of_deal.deal_id
    left join contact_customers on hubspot_deals.deal_id = contact_customers.deal_id

),

distinct_records as (

    {{ first_source('records', 'deal_id') }}

),

known_at_the_time as (

    select
        distinct_records.*,
        parameters.reporting_currency,
        coalesce(distinct_records.closed_at > parameters.as_of, false) as closes_later,
        case when distinct_records.opportunity_at <= parameters.as_of then distinct_records.opportunity_at end
            as reached_opportunity_at
    from distinct_records
    cross join parameters
    where distinct_records.created_at is null or distinct_records.created_at <= parameters.as_of

),

-- A deal that closes after the run's instant is open, and what stage it was in is not known. An installation with one
-- currency names none: it is the reporting currency.
final as (

    select
        known_at_the_time.deal_id,
        coalesce(known_customers.customer_id, known_at_the_time.customer_id) as customer_id,
        known_at_the_time.name,
        case when not known_at_the_time.closes_later then known_at_the_time.stage end as stage,
        known_at_the_time.amount,
        coalesce(known_at_the_time.currency, known_at_the_time.reporting_currency) as currency,
        known_at_the_time.created_at,
        known_at_the_time.reached_opportunity_at as opportunity_at,
        case when not known_at_the_time.closes_later then known_at_the_time.closed_at end as closed_at,
        coalesce(known_at_the_time.is_won and not known_at_the_time.closes_later, false) as is_won,
        known_at_the_time.source,
        known_at_the_time.source_id,
        known_at_the_time._load_id,
        known_at_the_time._file,
        known_at_the_time._row
    from known_at_the_time
    left join known_customers on known_at_the_time.customer_id = known_customers.source_id

)

select * from final
