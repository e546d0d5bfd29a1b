with

known_partners as (

    select distinct
        source_id,
        partner_id
    from {{ ref('int_partner_ids') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

records as (

    select
        ticket_id,
        partner_id,
        opened_at,
        closed_at,
        score,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__tickets') }}
    union all
    select
        'hs_' || ticket_id as ticket_id,
        partner_account_id as partner_id,
        opened_at,
        closed_at,
        score,
        'hubspot' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_hubspot__tickets') }}
    where opened_at is not null

),

distinct_records as (

    {{ first_source('records', 'ticket_id') }}

),

final as (

    select
        distinct_records.ticket_id,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        distinct_records.opened_at,
        case when distinct_records.closed_at <= parameters.as_of then distinct_records.closed_at end as closed_at,
        case
            when distinct_records.closed_at is null or distinct_records.closed_at <= parameters.as_of
                then distinct_records.score
        end as score,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_partners on distinct_records.partner_id = known_partners.source_id
    cross join parameters
    where distinct_records.opened_at <= parameters.as_of

)

select * from final
