with

known_partners as (

    select distinct
        source_id,
        partner_id
    from {{ ref('int_partner_ids') }}

),

files as (

    select * from {{ ref('stg_files__activities') }}

),

marketing_events as (

    select * from {{ ref('stg_hubspot__marketing_events') }}

),

records as (

    select
        activity_id,
        kind,
        name,
        partner_id,
        starts_at,
        ends_at,
        'files' as source,
        activity_id as source_id,
        _load_id,
        _file,
        _row
    from files
    union all
    select
        campaign_id as activity_id,
        kind,
        name,
        partner_account_id as partner_id,
        starts_at,
        ends_at,
        'salesforce' as source,
        campaign_id as source_id,
        _load_id,
        _file,
        _row
    from {{ ref('stg_salesforce__campaigns') }}
    union all
    select
        coalesce(files.activity_id, 'hs_' || marketing_events.marketing_event_id) as activity_id,
        marketing_events.kind,
        marketing_events.name,
        marketing_events.partner_account_id as partner_id,
        marketing_events.starts_at,
        marketing_events.ends_at,
        'hubspot' as source,
        marketing_events.marketing_event_id as source_id,
        marketing_events._load_id,
        marketing_events._file,
        marketing_events._row
    from marketing_events
    left join files on marketing_events.marketing_event_id = files.activity_id

),

distinct_records as (

    {{ first_source('records', 'activity_id') }}

),

final as (

    select
        distinct_records.activity_id,
        distinct_records.kind,
        distinct_records.name,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        distinct_records.starts_at,
        distinct_records.ends_at,
        distinct_records.source,
        distinct_records.source_id,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_partners on distinct_records.partner_id = known_partners.source_id

)

select * from final
