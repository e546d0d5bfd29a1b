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
        survey_id,
        partner_id,
        score,
        answered_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__surveys') }}
    union all
    select
        'hs_' || feedback_submission_id as survey_id,
        partner_account_id as partner_id,
        score,
        answered_at,
        'hubspot' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_hubspot__feedback_submissions') }}
    where
        partner_account_id is not null
        and score is not null
        and answered_at is not null

),

distinct_records as (

    {{ first_source('records', 'survey_id') }}

),

final as (

    select
        distinct_records.survey_id,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        distinct_records.score,
        distinct_records.answered_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join known_partners on distinct_records.partner_id = known_partners.source_id
    cross join parameters
    where distinct_records.answered_at <= parameters.as_of

)

select * from final
