with

landed as (

    select * from {{ source('ledger', 'payout_events') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

known as (

    select
        landed.*,
        row_number() over (
            partition by landed.event_id
            order by landed._loaded_at, landed._row
        ) as landing_rank
    from landed
    cross join parameters
    where landed._loaded_at <= parameters.postings_known_at

),

final as (

    select
        known.event_id,
        known.period,
        known.action,
        known.from_status,
        known.to_status,
        known.actor,
        known.reason,
        known.at,
        known.content_hash,
        known.previous_hash,
        known.hash,
        known._load_id,
        known._row
    from known
    where known.landing_rank = 1

)

select * from final
