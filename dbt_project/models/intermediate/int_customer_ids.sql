with

files as (

    select * from {{ ref('stg_files__customers') }}

),

accounts as (

    select * from {{ ref('stg_salesforce__accounts') }}

),

opportunities as (

    select * from {{ ref('stg_salesforce__opportunities') }}

),

companies as (

    select * from {{ ref('stg_hubspot__companies') }}

),

stripe_customers as (

    select * from {{ ref('stg_stripe__customers') }}

),

stripe_invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

free_mail_domains as (

    select * from {{ ref('free_mail_domains') }}

),

account_masters as (

    select
        loser_id,
        master_id
    from {{ ref('int_merged_records') }}
    where source = 'salesforce' and object = 'account'

),

company_masters as (

    select
        loser_id,
        master_id
    from {{ ref('int_merged_records') }}
    where source = 'hubspot' and object = 'company'

),

-- What an id of Salesforce that another system holds stands for: the account itself, or the one it was merged into.
account_references as (

    select
        account_id as reference,
        account_id as customer_id
    from accounts
    union all
    select
        account_masters.loser_id as reference,
        account_masters.master_id as customer_id
    from account_masters
    inner join accounts on account_masters.master_id = accounts.account_id
    left join accounts as living on account_masters.loser_id = living.account_id
    where living.account_id is null

),

file_references as (

    select customer_id
    from files

),

-- A domain says whose record it is only where one account has it, and where it is no public mail provider's.
account_domains as (

    select
        accounts.domain,
        min(accounts.account_id) as customer_id
    from accounts
    left join free_mail_domains on accounts.domain = free_mail_domains.domain
    where
        not accounts.is_partner
        and accounts.domain is not null
        and free_mail_domains.domain is null
    group by accounts.domain
    having count(*) = 1

),

living_companies as (

    select companies.*
    from companies
    left join company_masters on companies.company_id = company_masters.loser_id
    where company_masters.loser_id is null

),

resolved_companies as (

    select
        living_companies.company_id,
        living_companies.domain,
        coalesce(
            same_id.customer_id,
            referred_file.customer_id,
            account_references.customer_id,
            account_domains.customer_id,
            'hs_' || living_companies.company_id
        ) as customer_id,
        case
            when same_id.customer_id is not null then 'id'
            when coalesce(referred_file.customer_id, account_references.customer_id) is not null then 'reference'
            when account_domains.customer_id is not null then 'domain'
            else 'own'
        end as matched_by
    from living_companies
    left join file_references as same_id on living_companies.company_id = same_id.customer_id
    left join file_references as referred_file
        on living_companies.salesforce_account_id = referred_file.customer_id
    left join account_references on living_companies.salesforce_account_id = account_references.reference
    left join account_domains on living_companies.domain = account_domains.domain

),

company_references as (

    select
        company_id as reference,
        customer_id,
        matched_by
    from resolved_companies
    union all
    select
        company_masters.loser_id as reference,
        resolved_companies.customer_id,
        'merge' as matched_by
    from company_masters
    inner join resolved_companies on company_masters.master_id = resolved_companies.company_id
    left join file_references on company_masters.loser_id = file_references.customer_id
    where file_references.customer_id is null

),

company_domains as (

    select
        resolved_companies.domain,
        min(resolved_companies.customer_id) as customer_id
    from resolved_companies
    left join free_mail_domains on resolved_companies.domain = free_mail_domains.domain
    where
        resolved_companies.domain is not null
        and free_mail_domains.domain is null
    group by resolved_companies.domain
    having count(distinct resolved_companies.customer_id) = 1

),

invoiced as (

    select distinct customer_id
    from stripe_invoices

),

-- A customer that was deleted before it was ever invoiced has no part in anything.
billed_customers as (

    select
        stripe_customers.*,
        {{ email_domain('stripe_customers.email') }} as domain
    from stripe_customers
    left join invoiced on stripe_customers.customer_id = invoiced.customer_id
    where not stripe_customers.is_deleted or invoiced.customer_id is not null

),

resolved_stripe as (

    select
        billed_customers.customer_id as stripe_customer_id,
        coalesce(
            same_id.customer_id,
            referred_file.customer_id,
            account_references.customer_id,
            company_references.customer_id,
            account_domains.customer_id,
            company_domains.customer_id,
            billed_customers.customer_id
        ) as customer_id,
        case
            when same_id.customer_id is not null then 'id'
            when
                coalesce(
                    referred_file.customer_id, account_references.customer_id, company_references.customer_id
                ) is not null
                then 'reference'
            when coalesce(account_domains.customer_id, company_domains.customer_id) is not null then 'domain'
            else 'own'
        end as matched_by
    from billed_customers
    left join file_references as same_id on billed_customers.customer_id = same_id.customer_id
    left join file_references as referred_file on billed_customers.salesforce_account_id = referred_file.customer_id
    left join account_references on billed_customers.salesforce_account_id = account_references.reference
    left join company_references on billed_customers.hubspot_company_id = company_references.reference
    left join account_domains on billed_customers.domain = account_domains.domain
    left join company_domains on billed_customers.domain = company_domains.domain

),

-- A partner's account is a customer too once something is sold to it.
buying_accounts as (

    select customer_id from resolved_companies
    union
    select customer_id from resolved_stripe
    union
    select account_references.customer_id
    from opportunities
    inner join account_references on opportunities.account_id = account_references.reference

),

customer_accounts as (

    select accounts.account_id
    from accounts
    left join buying_accounts on accounts.account_id = buying_accounts.customer_id
    where not accounts.is_partner or buying_accounts.customer_id is not null

),

resolved_accounts as (

    select
        account_references.reference,
        account_references.customer_id,
        case when account_references.reference = account_references.customer_id then 'id' else 'merge' end as matched_by
    from account_references
    inner join customer_accounts on account_references.customer_id = customer_accounts.account_id
    left join file_references on account_references.reference = file_references.customer_id
    where file_references.customer_id is null or account_references.reference = account_references.customer_id

),

final as (

    select
        'files' as source,
        customer_id as source_id,
        customer_id,
        'id' as matched_by
    from files
    union all
    select
        'salesforce' as source,
        reference as source_id,
        customer_id,
        matched_by
    from resolved_accounts
    union all
    select
        'hubspot' as source,
        reference as source_id,
        customer_id,
        matched_by
    from company_references
    union all
    select
        'stripe' as source,
        stripe_customer_id as source_id,
        customer_id,
        matched_by
    from resolved_stripe

)

select * from final
