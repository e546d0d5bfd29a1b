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

distinct_records as (

    select
        cost_id,
        month,
        partner_id,
        activity_id,
        category,
        amount,
        currency,
        partner_share,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__costs') }}

),

final as (

    select
        distinct_records.cost_id,
        cast(date_trunc('month', distinct_records.month) as date) as month,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        coalesce(activity_references.activity_id, distinct_records.activity_id) as activity_id,
        distinct_records.category,
        distinct_records.amount,
        distinct_records.currency,
        distinct_records.partner_share,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_partners on distinct_records.partner_id = known_partners.source_id
    left join activity_references on distinct_records.activity_id = activity_references.reference
    cross join parameters
    where distinct_records.month <= {{ local_day('parameters.as_of', 'parameters.timezone') }}

)

select * from final
