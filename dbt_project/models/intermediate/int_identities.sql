with

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

-- A site identifies a visitor by a contact's id in some system, or by the address that the visitor gave.
records as (

    select
        identity_id,
        anonymous_id,
        contact_id as contact_reference,
        identified_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__identities') }}
    union all
    select
        event_id as identity_id,
        anonymous_id,
        user_id as contact_reference,
        occurred_at as identified_at,
        'events' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_events__events') }}
    where
        is_identification
        and anonymous_id is not null
        and user_id is not null

),

distinct_records as (

    {{ first_source('records', 'identity_id') }}

),

resolved as (

    select
        distinct_records.identity_id,
        distinct_records.anonymous_id,
        coalesce(
            known_contacts.contact_id,
            addresses.contact_id,
            case when distinct_records.source = 'files' then distinct_records.contact_reference end
        ) as contact_id,
        distinct_records.identified_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_contacts on distinct_records.contact_reference = known_contacts.source_id
    left join addresses on lower(distinct_records.contact_reference) = addresses.email

),

final as (

    select
        resolved.identity_id,
        resolved.anonymous_id,
        resolved.contact_id,
        resolved.identified_at,
        resolved.source,
        resolved._load_id,
        resolved._file,
        resolved._row
    from resolved
    cross join parameters
    where
        resolved.contact_id is not null
        and (resolved.identified_at is null or resolved.identified_at <= parameters.as_of)

)

select * from final
