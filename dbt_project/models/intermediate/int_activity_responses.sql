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

activity_names as (

    select
        activity_id as reference,
        activity_id,
        1 as precedence
    from {{ ref('int_activities') }}
    union all
    select
        source_id as reference,
        activity_id,
        2 as precedence
    from {{ ref('int_activities') }}

),

activity_references as (

    select
        reference,
        {{ first_known('activity_id', 'precedence') }} as activity_id
    from activity_names
    group by reference

),

leads as (

    select * from {{ ref('int_leads') }}

),

lead_masters as (

    select
        loser_id,
        master_id
    from {{ ref('int_merged_records') }}
    where source = 'salesforce' and object = 'lead'

),

-- Registered, attended, followed up. Who answered a campaign has registered an interest; one who did not, has not.
records as (

    select
        response_id,
        activity_id,
        contact_id,
        cast(null as {{ text_type() }}) as lead_id,
        kind,
        occurred_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__activity_responses') }}
    union all
    select
        campaign_member_id as response_id,
        campaign_id as activity_id,
        contact_id,
        lead_id,
        case when status in ('attended', 'followed_up') then status else 'registered' end as kind,
        first_responded_at as occurred_at,
        'salesforce' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_salesforce__campaign_members') }}
    where
        has_responded
        and first_responded_at is not null
    union all
    select
        'hs_' || event_participation_id as response_id,
        marketing_event_id as activity_id,
        contact_id,
        null as lead_id,
        case when state in ('attended', 'followed_up') then state else 'registered' end as kind,
        occurred_at,
        'hubspot' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_hubspot__event_participations') }}
    where
        occurred_at is not null
        and coalesce(state, 'registered') not in ('cancelled', 'canceled', 'no_show')

),

distinct_records as (

    {{ first_source('records', 'response_id') }}

),

final as (

    select
        distinct_records.response_id,
        coalesce(activity_references.activity_id, distinct_records.activity_id) as activity_id,
        coalesce(known_contacts.contact_id, leads.contact_id, distinct_records.contact_id) as contact_id,
        distinct_records.kind,
        distinct_records.occurred_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join activity_references on distinct_records.activity_id = activity_references.reference
    left join known_contacts on distinct_records.contact_id = known_contacts.source_id
    left join lead_masters on distinct_records.lead_id = lead_masters.loser_id
    left join leads on coalesce(lead_masters.master_id, distinct_records.lead_id) = leads.lead_id
    cross join parameters
    where distinct_records.occurred_at <= parameters.as_of

)

select * from final
