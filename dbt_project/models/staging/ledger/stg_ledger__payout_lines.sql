with

landed as (

    select * from {{ source('ledger', 'payout_lines') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

known as (

    select
        landed.*,
        row_number() over (
            partition by landed.line_id
            order by landed._loaded_at, landed._row
        ) as landing_rank
    from landed
    cross join parameters
    where landed._loaded_at <= parameters.postings_known_at

),

final as (

    select
        known.line_id,
        known.commission_line_id,
        known.payout_id,
        known.period,
        known.partner_id,
        known.programme,
        known.plan_id,
        cast(known.plan_version as integer) as plan_version,
        known.component,
        known.movement_kind,
        known.movement_id,
        known.corrects_line_id,
        cast(known.base_amount as {{ exact() }}) as base_amount,
        known.base_currency,
        cast(known.rate as {{ fraction() }}) as rate,
        known.tier,
        cast(known.fee as {{ money() }}) as fee,
        cast(known.split_share as {{ fraction() }}) as split_share,
        cast(known.fx_rate as {{ exact() }}) as fx_rate,
        known.fx_date,
        cast(known.amount as {{ money() }}) as amount,
        known.currency,
        known.earned_on,
        known.payable_on,
        known._loaded_at,
        known._load_id,
        known._row
    from known
    where known.landing_rank = 1

)

select * from final
