{{ config(tags=['ledger']) }}

with

payout_lines as (

    select * from {{ ref('stg_ledger__payout_lines') }}

),

final as (

    select
        line_id,
        payout_id,
        period,
        partner_id,
        programme,
        plan_id,
        plan_version,
        component,
        movement_kind,
        movement_id,
        corrects_line_id,
        cast(base_amount as {{ money() }}) as base_amount,
        base_currency,
        rate,
        tier,
        fee,
        split_share,
        fx_rate,
        fx_date,
        amount,
        currency,
        earned_on,
        payable_on,
        commission_line_id
    from payout_lines

)

select * from final
