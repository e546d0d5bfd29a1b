{{ config(materialized='view', tags=['ledger']) }}

with

payout_lines as (

    select * from {{ ref('stg_ledger__payout_lines') }}

),

partner_ids as (

    select * from {{ ref('int_partner_ids') }}

),

merged_partners as (

    select distinct
        source_id,
        partner_id
    from partner_ids
    where source_id <> partner_id

),

final as (

    select
        payout_lines.line_id,
        payout_lines.commission_line_id,
        payout_lines.payout_id,
        payout_lines.period,
        payout_lines.partner_id,
        coalesce(merged_partners.partner_id, payout_lines.partner_id) as partner_now,
        payout_lines.plan_id,
        payout_lines.component,
        payout_lines.movement_kind,
        payout_lines.movement_id,
        payout_lines.corrects_line_id,
        payout_lines.base_currency,
        payout_lines.fx_rate,
        payout_lines.fx_date,
        payout_lines.amount,
        payout_lines.currency,
        payout_lines.earned_on,
        payout_lines._loaded_at
    from payout_lines
    left join merged_partners on payout_lines.partner_id = merged_partners.source_id
    where coalesce(payout_lines.component, '') <> 'balance'

)

select * from final
