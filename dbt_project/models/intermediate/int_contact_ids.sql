with

files as (

    select
        contact_id,
        {{ email_address('email') }} as email
    from {{ ref('stg_files__contacts') }}

),

salesforce_contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

hubspot_contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}

),

salesforce_masters as (

    select
        loser_id,
        master_id
    from {{ ref('int_merged_records') }}
    where source = 'salesforce' and object = 'contact'

),

hubspot_masters as (

    select
        loser_id,
        master_id
    from {{ ref('int_merged_records') }}
    where source = 'hubspot' and object = 'contact'

),

file_addresses as (

    select
        email,
        min(contact_id) as contact_id
    from files
    where email is not null
    group by email
    having count(*) = 1

),

resolved_salesforce as (

    select
        salesforce_contacts.contact_id as reference,
        salesforce_contacts.email,
        coalesce(files.contact_id, file_addresses.contact_id, salesforce_contacts.contact_id) as contact_id,
        case when files.contact_id is null and file_addresses.contact_id is not null then 'email' else 'id' end
            as matched_by
    from salesforce_contacts
    left join files on salesforce_contacts.contact_id = files.contact_id
    left join file_addresses on salesforce_contacts.email = file_addresses.email

),

salesforce_references as (

    select
        reference,
        contact_id,
        matched_by
    from resolved_salesforce
    union all
    select
        salesforce_masters.loser_id as reference,
        resolved_salesforce.contact_id,
        'merge' as matched_by
    from salesforce_masters
    inner join resolved_salesforce on salesforce_masters.master_id = resolved_salesforce.reference
    left join salesforce_contacts on salesforce_masters.loser_id = salesforce_contacts.contact_id
    left join files on salesforce_masters.loser_id = files.contact_id
    where salesforce_contacts.contact_id is null and files.contact_id is null

),

salesforce_addresses as (

    select
        email,
        min(contact_id) as contact_id
    from resolved_salesforce
    where email is not null
    group by email
    having count(distinct contact_id) = 1

),

resolved_hubspot as (

    select
        hubspot_contacts.contact_id as reference,
        coalesce(
            same_id.contact_id,
            referred_file.contact_id,
            salesforce_references.contact_id,
            salesforce_addresses.contact_id,
            file_addresses.contact_id,
            'hs_' || hubspot_contacts.contact_id
        ) as contact_id,
        case
            when same_id.contact_id is not null then 'id'
            when coalesce(referred_file.contact_id, salesforce_references.contact_id) is not null then 'reference'
            when coalesce(salesforce_addresses.contact_id, file_addresses.contact_id) is not null then 'email'
            else 'own'
        end as matched_by
    from hubspot_contacts
    left join hubspot_masters on hubspot_contacts.contact_id = hubspot_masters.loser_id
    left join files as same_id on hubspot_contacts.contact_id = same_id.contact_id
    left join files as referred_file on hubspot_contacts.salesforce_contact_id = referred_file.contact_id
    left join salesforce_references on hubspot_contacts.salesforce_contact_id = salesforce_references.reference
    left join salesforce_addresses on hubspot_contacts.email = salesforce_addresses.email
    left join file_addresses on hubspot_contacts.email = file_addresses.email
    where hubspot_masters.loser_id is null

),

hubspot_references as (

    select
        reference,
        contact_id,
        matched_by
    from resolved_hubspot
    union all
    select
        hubspot_masters.loser_id as reference,
        resolved_hubspot.contact_id,
        'merge' as matched_by
    from hubspot_masters
    inner join resolved_hubspot on hubspot_masters.master_id = resolved_hubspot.reference
    left join files on hubspot_masters.loser_id = files.contact_id
    where files.contact_id is null

),

final as (

    select
        'files' as source,
        contact_id as source_id,
        contact_id,
        'id' as matched_by
    from files
    union all
    select
        'salesforce' as source,
        reference as source_id,
        contact_id,
        matched_by
    from salesforce_references
    union all
    select
        'hubspot' as source,
        reference as source_id,
        contact_id,
        matched_by
    from hubspot_references

)

select * from final
