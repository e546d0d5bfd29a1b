with

known_partners as (

    select distinct
        source_id,
        partner_id
    from {{ ref('int_partner_ids') }}

),

known_customers as (

    select distinct
        source_id,
        customer_id
    from {{ ref('int_customer_ids') }}

),

known_contacts as (

    select distinct
        source_id,
        contact_id
    from {{ ref('int_contact_ids') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

addresses as (

    select
        email,
        min(contact_id) as contact_id
    from contacts
    where email is not null
    group by email
    having count(*) = 1

),

records as (

    select
        lead_id,
        customer_id,
        contact_id,
        partner_id,
        cast(null as {{ text_type() }}) as email,
        source as lead_source,
        status,
        created_at,
        qualified_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__leads') }}
    union all
    select
        lead_id,
        converted_account_id as customer_id,
        converted_contact_id as contact_id,
        partner_account_id as partner_id,
        email,
        lead_source,
        status,
        created_at,
        qualified_at,
        'salesforce' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_salesforce__leads') }}

),

distinct_records as (

    {{ first_source('records', 'lead_id') }}

),

resolved as (

    select
        distinct_records.lead_id,
        coalesce(known_customers.customer_id, distinct_records.customer_id) as customer_id,
        coalesce(known_contacts.contact_id, distinct_records.contact_id, addresses.contact_id) as contact_id,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        distinct_records.lead_source,
        distinct_records.status,
        distinct_records.created_at,
        distinct_records.qualified_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_customers on distinct_records.customer_id = known_customers.source_id
    left join known_contacts on distinct_records.contact_id = known_contacts.source_id
    left join known_partners on distinct_records.partner_id = known_partners.source_id
    left join addresses on distinct_records.email = addresses.email

),

-- `source` is the lead's own, as the file drop has it; where the record came from is `record_source`.
final as (

    select
        resolved.lead_id,
        coalesce(resolved.customer_id, contacts.customer_id) as customer_id,
        resolved.contact_id,
        resolved.partner_id,
        resolved.lead_source as source,
        resolved.status,
        resolved.created_at,
        case when resolved.qualified_at <= parameters.as_of then resolved.qualified_at end as qualified_at,
        resolved.source as record_source,
        resolved._load_id,
        resolved._file,
        resolved._row
    from resolved
    left join contacts on resolved.contact_id = contacts.contact_id
    cross join parameters
    where resolved.created_at <= parameters.as_of

)

select * from final
