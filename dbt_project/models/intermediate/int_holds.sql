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
        hold_id,
        partner_id,
        movement_id,
        reason,
        placed_at,
        released_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__holds') }}

),

final as (

    select
        distinct_records.hold_id,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        distinct_records.movement_id,
        -- It is published, and partners read it: what is no plain word stays in the landing.
        {{ plain_words('distinct_records.reason') }} as reason,
        distinct_records.placed_at,
        case when distinct_records.released_at <= parameters.as_of then distinct_records.released_at end as released_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_partners on distinct_records.partner_id = known_partners.source_id
    cross join parameters
    where distinct_records.placed_at <= parameters.as_of

)

select * from final
