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

distinct_records as (

    select
        training_id,
        partner_id,
        course,
        assigned_at,
        completed_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__training') }}

),

final as (

    select
        distinct_records.training_id,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        distinct_records.course,
        distinct_records.assigned_at,
        case
            when distinct_records.completed_at <= parameters.as_of then distinct_records.completed_at
        end as completed_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_partners on distinct_records.partner_id = known_partners.source_id
    cross join parameters
    where distinct_records.assigned_at is null or distinct_records.assigned_at <= parameters.as_of

)

select * from final
