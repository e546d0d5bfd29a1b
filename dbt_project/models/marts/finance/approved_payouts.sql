{{ config(tags=['ledger']) }}

with

payouts as (

    select * from {{ ref('stg_ledger__payouts') }}

),

final as (

    select
        payout_id,
        period,
        partner_id,
        currency,
        opening_balance,
        earned,
        adjustments,
        payable,
        closing_balance,
        cast(line_count as bigint) as line_count,
        status,
        submitted_by,
        approved_by,
        approved_at,
        content_hash,
        submitted_at,
        min_payout
    from payouts

)

select * from final
