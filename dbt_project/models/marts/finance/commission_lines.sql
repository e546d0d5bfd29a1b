{{ config(materialized='view', tags=['ledger']) }}

with

entitlement as (

    select * from {{ ref('int_commission_entitlement') }}

),

states as (

    select * from {{ ref('int_commission_line_states') }}

),

final as (

    select
        entitlement.line_id,
        states.payout_id,
        states.period,
        entitlement.partner_id,
        entitlement.programme,
        entitlement.plan_id,
        entitlement.plan_version,
        entitlement.component,
        entitlement.movement_kind,
        entitlement.movement_id,
        entitlement.corrects_line_id,
        entitlement.base_amount,
        entitlement.base_currency,
        entitlement.rate,
        entitlement.tier,
        entitlement.fee,
        entitlement.split_share,
        entitlement.fx_rate,
        entitlement.fx_date,
        entitlement.amount,
        entitlement.currency,
        entitlement.earned_on,
        entitlement.payable_on,
        states.status,
        states.hold_reason,
        entitlement.occurred_at,
        entitlement.payment_id,
        entitlement.invoice_id,
        entitlement.deal_id,
        entitlement.customer_id,
        entitlement.slice,
        entitlement.exact_amount,
        states.is_held,
        states.withheld_amount,
        states.withheld_base_amount,
        states.withheld_period
    from entitlement
    inner join states using (line_key)

)

select * from final
