with

contact_ids as (

    select * from {{ ref('int_contact_ids') }}

),

customer_ids as (

    select * from {{ ref('int_customer_ids') }}

),

accounts as (

    select * from {{ ref('stg_salesforce__accounts') }}

),

companies as (

    select * from {{ ref('stg_hubspot__companies') }}

),

company_of_contact as (

    select * from {{ ref('stg_hubspot__contacts_to_companies') }}

),

free_mail_domains as (

    select * from {{ ref('free_mail_domains') }}

),

known_customers as (

    select distinct
        source_id,
        customer_id
    from customer_ids

),

records as (

    select
        'files' as source,
        contact_id as source_id,
        customer_id as customer_reference,
        {{ email_address('email') }} as email,
        created_at,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__contacts') }}
    union all
    select
        'salesforce' as source,
        contact_id as source_id,
        account_id as customer_reference,
        email,
        created_at,
        _load_id,
        _file,
        _row
    from {{ ref('stg_salesforce__contacts') }}
    union all
    select
        'hubspot' as source,
        contacts.contact_id as source_id,
        company_of_contact.company_id as customer_reference,
        contacts.email,
        contacts.created_at,
        contacts._load_id,
        contacts._file,
        contacts._row
    from {{ ref('stg_hubspot__contacts') }} as contacts
    left join company_of_contact on contacts.contact_id = company_of_contact.contact_id

),

-- A customer that nobody knows stays as the file drop named it. A CRM's contact can be a partner's: no customer's.
ranked as (

    select
        contact_ids.contact_id,
        records.source,
        records.source_id,
        coalesce(
            known_customers.customer_id,
            case when records.source = 'files' then records.customer_reference end
        ) as customer_id,
        records.email,
        records.created_at,
        records._load_id,
        records._file,
        records._row,
        row_number() over (
            partition by contact_ids.contact_id
            order by
                case records.source when 'files' then 1 when 'salesforce' then 2 else 3 end,
                case contact_ids.matched_by when 'merge' then 2 else 1 end,
                records.source_id
        ) as precedence
    from records
    inner join contact_ids
        on
            records.source = contact_ids.source
            and records.source_id = contact_ids.source_id
    left join known_customers on records.customer_reference = known_customers.source_id

),

grouped as (

    select
        contact_id,
        {{ first_known('customer_id', 'precedence') }} as customer_id,
        {{ first_known('email', 'precedence') }} as email,
        coalesce({{ only_where('min', 'created_at', "source = 'files'") }}, min(created_at)) as created_at,
        {{ first_known('source', 'precedence') }} as source,
        {{ first_known('_load_id', 'precedence') }} as _load_id,
        {{ first_known('_file', 'precedence') }} as _file,
        {{ first_known('_row', 'precedence') }} as _row
    from ranked
    group by contact_id

),

domains as (

    select
        accounts.domain,
        customer_ids.customer_id
    from accounts
    inner join customer_ids
        on
            accounts.account_id = customer_ids.source_id
            and customer_ids.source = 'salesforce'
    union
    select
        companies.domain,
        customer_ids.customer_id
    from companies
    inner join customer_ids
        on
            companies.company_id = customer_ids.source_id
            and customer_ids.source = 'hubspot'

),

customer_domains as (

    select
        domains.domain,
        min(domains.customer_id) as customer_id
    from domains
    left join free_mail_domains on domains.domain = free_mail_domains.domain
    where
        domains.domain is not null
        and free_mail_domains.domain is null
    group by domains.domain
    having count(*) = 1

),

final as (

    select
        grouped.contact_id,
        coalesce(grouped.customer_id, customer_domains.customer_id) as customer_id,
        grouped.email,
        grouped.created_at,
        grouped.source,
        grouped._load_id,
        grouped._file,
        grouped._row
    from grouped
    left join customer_domains on {{ email_domain('grouped.email') }} = customer_domains.domain

)

select * from final
