with

landed as (

    select * from {{ source('ledger', 'payouts') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

known as (

    select
        landed.*,
        row_number() over (
            partition by landed.payout_id
            order by landed._loaded_at, landed._row
        ) as landing_rank
    from landed
    cross join parameters
    where landed._loaded_at <= parameters.postings_known_at

),

events as (

    select * from {{ ref('stg_ledger__payout_events') }}

),

-- A period is approved, exported and paid as a whole: its newest event says where each of its payouts stands.
ranked_events as (

    select
        period,
        to_status,
        row_number() over (partition by period order by event_id desc) as event_rank
    from events

),

period_status as (

    select
        period,
        to_status as status
    from ranked_events
    where event_rank = 1

),

final as (

    select
        known.payout_id,
        known.period,
        known.partner_id,
        known.currency,
        cast(known.opening_balance as {{ money() }}) as opening_balance,
        cast(known.earned as {{ money() }}) as earned,
        cast(known.adjustments as {{ money() }}) as adjustments,
        cast(known.payable as {{ money() }}) as payable,
        cast(known.closing_balance as {{ money() }}) as closing_balance,
        cast(known.min_payout as {{ money() }}) as min_payout,
        known.line_count,
        period_status.status,
        known.submitted_by,
        known.submitted_at,
        known.approved_by,
        known.approved_at,
        known.content_hash,
        known._load_id,
        known._row
    from known
    left join period_status on known.period = period_status.period
    where known.landing_rank = 1

)

select * from final
