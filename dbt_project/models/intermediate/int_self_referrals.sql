with

partners as (

    select * from {{ ref('int_partners') }}

),

customers as (

    select * from {{ ref('int_customers') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

leads as (

    select * from {{ ref('int_leads') }}

),

partner_ids as (

    select * from {{ ref('int_partner_ids') }}

),

customer_ids as (

    select * from {{ ref('int_customer_ids') }}

),

accounts as (

    select * from {{ ref('stg_salesforce__accounts') }}

),

account_contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

companies as (

    select * from {{ ref('stg_hubspot__companies') }}

),

free_mail_domains as (

    select * from {{ ref('free_mail_domains') }}

),

-- A partner's people are those of its account, or in the file drop those whose customer is the partner.
given_partner_domains as (

    select
        partner_ids.partner_id,
        accounts.domain
    from accounts
    inner join partner_ids on accounts.account_id = partner_ids.source_id
    union
    select
        partner_ids.partner_id,
        {{ email_domain('account_contacts.email') }} as domain
    from account_contacts
    inner join partner_ids on account_contacts.account_id = partner_ids.source_id
    union
    select
        partners.partner_id,
        {{ email_domain('contacts.email') }} as domain
    from contacts
    inner join partners on contacts.customer_id = partners.partner_id

),

partner_domains as (

    select given_partner_domains.*
    from given_partner_domains
    left join free_mail_domains on given_partner_domains.domain = free_mail_domains.domain
    where
        given_partner_domains.domain is not null
        and free_mail_domains.domain is null

),

people_domains as (

    select
        customer_id,
        min({{ email_domain('email') }}) as domain
    from contacts
    where email is not null and customer_id is not null
    group by customer_id
    having count(distinct {{ email_domain('email') }}) = 1

),

-- A customer's domain is its website's, or the one that all of its people have.
customer_domains as (

    select
        customer_ids.customer_id,
        accounts.domain
    from accounts
    inner join customer_ids on accounts.account_id = customer_ids.source_id
    union
    select
        customer_ids.customer_id,
        companies.domain
    from companies
    inner join customer_ids on companies.company_id = customer_ids.source_id
    union
    select
        customer_id,
        domain
    from people_domains

),

related as (

    select
        partners.partner_id,
        customers.customer_id,
        'same_id' as reason,
        1 as precedence
    from partners
    inner join customers on partners.partner_id = customers.customer_id
    union all
    select
        partner_domains.partner_id,
        customer_domains.customer_id,
        'same_domain' as reason,
        2 as precedence
    from partner_domains
    inner join customer_domains on partner_domains.domain = customer_domains.domain
    union all
    select
        leads.partner_id,
        leads.customer_id,
        'contact_domain' as reason,
        3 as precedence
    from leads
    inner join contacts on leads.contact_id = contacts.contact_id
    inner join partner_domains
        on
            leads.partner_id = partner_domains.partner_id
            and {{ email_domain('contacts.email') }} = partner_domains.domain
    where leads.customer_id is not null
    union all
    select
        partners.partner_id,
        customers.customer_id,
        'same_name' as reason,
        4 as precedence
    from partners
    inner join customers on lower(trim(partners.name)) = lower(trim(customers.name))

),

final as (

    select
        partner_id,
        customer_id,
        {{ first_known('reason', 'precedence') }} as reason
    from related
    group by partner_id, customer_id

)

select * from final
