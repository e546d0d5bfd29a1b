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

-- Without an instant, a device has been the contact's from the beginning.
identities as (

    select
        identity_id,
        anonymous_id,
        contact_id,
        coalesce(identified_at, {{ before_all() }}) as identified_at
    from {{ ref('int_identities') }}

),

records as (

    select
        touchpoint_id,
        occurred_at,
        customer_id,
        contact_id,
        anonymous_id,
        partner_id,
        channel,
        kind,
        campaign,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__touchpoints') }}
    union all
    select
        event_id as touchpoint_id,
        occurred_at,
        null as customer_id,
        user_id as contact_id,
        anonymous_id,
        partner_id,
        channel,
        case when event_type = 'track' then coalesce(event_name, event_type) else event_type end as kind,
        campaign,
        'events' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_events__events') }}
    where
        event_type in ('track', 'page', 'screen')
        -- A page inside a visit names neither; the touch is what opened the visit.
        and (channel is not null or partner_id is not null)

),

distinct_records as (

    {{ first_source('records', 'touchpoint_id') }}

),

-- Whose device it was: from one identification to the next; before the first one, whoever that names.
turns as (

    select
        anonymous_id,
        contact_id,
        identified_at,
        row_number() over device as turn,
        lead(identified_at) over device as next_identified_at
    from identities
    window device as (partition by anonymous_id order by identified_at, identity_id)

),

device_owners as (

    select
        anonymous_id,
        contact_id,
        case when turn > 1 then identified_at else {{ before_all() }} end as from_instant,
        coalesce(next_identified_at, {{ after_all() }}) as to_instant
    from turns

),

stitched as (

    select
        distinct_records.touchpoint_id,
        distinct_records.occurred_at,
        distinct_records.customer_id,
        coalesce(
            known_contacts.contact_id,
            addresses.contact_id,
            case when distinct_records.source = 'files' then distinct_records.contact_id end,
            device_owners.contact_id
        ) as contact_id,
        distinct_records.anonymous_id,
        distinct_records.partner_id,
        distinct_records.channel,
        distinct_records.kind,
        distinct_records.campaign,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    cross join parameters
    left join known_contacts on distinct_records.contact_id = known_contacts.source_id
    left join addresses on lower(distinct_records.contact_id) = addresses.email
    left join device_owners
        on
            distinct_records.anonymous_id = device_owners.anonymous_id
            and distinct_records.occurred_at >= device_owners.from_instant
            and distinct_records.occurred_at < device_owners.to_instant
    where distinct_records.occurred_at <= parameters.as_of

),

final as (

    select
        stitched.touchpoint_id,
        stitched.occurred_at,
        coalesce(known_customers.customer_id, stitched.customer_id, contacts.customer_id) as customer_id,
        stitched.contact_id,
        stitched.anonymous_id,
        coalesce(known_partners.partner_id, stitched.partner_id) as partner_id,
        stitched.channel,
        stitched.kind,
        stitched.campaign,
        stitched.source,
        stitched._load_id,
        stitched._file,
        stitched._row
    from stitched
    left join contacts on stitched.contact_id = contacts.contact_id
    left join known_customers on stitched.customer_id = known_customers.source_id
    left join known_partners on stitched.partner_id = known_partners.source_id

)

select * from final
