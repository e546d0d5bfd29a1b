with

known_partners as (

    select distinct
        source_id,
        partner_id
    from {{ ref('int_partner_ids') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

records as (

    select
        enrolment_id,
        partner_id,
        programme,
        plan_id,
        starts_on,
        ends_on,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__enrolments') }}
    union all
    select
        partner_enrolment_id as enrolment_id,
        partner_account_id as partner_id,
        programme,
        plan_id,
        starts_on,
        ends_on,
        'salesforce' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_salesforce__partner_enrolments') }}
    where
        partner_account_id is not null
        and plan_id is not null

),

distinct_records as (

    {{ first_source('records', 'enrolment_id') }}

),

-- Who does not say the programme means the plan's: of the version in force at the start, else of the first.
plan_programmes as (

    {% call first_of_each(
        'distinct_records.enrolment_id',
        'case when distinct_records.starts_on >= plans.effective_from then plans.effective_from end desc nulls last,
        plans.effective_from asc'
    ) %}
    select
        distinct_records.enrolment_id,
        plans.programme
    from distinct_records
    inner join plans on distinct_records.plan_id = plans.plan_id
    where distinct_records.programme is null
    {% endcall %}

),

final as (

    select
        distinct_records.enrolment_id,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        coalesce(distinct_records.programme, plan_programmes.programme) as programme,
        distinct_records.plan_id,
        distinct_records.starts_on,
        distinct_records.ends_on,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_partners on distinct_records.partner_id = known_partners.source_id
    left join plan_programmes on distinct_records.enrolment_id = plan_programmes.enrolment_id

)

select * from final
