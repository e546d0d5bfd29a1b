{{ config(tags=['ledger']) }}

with

payouts as (

    select * from {{ ref('approved_payouts') }}

),

events as (

    select * from {{ ref('stg_ledger__payout_events') }}

),

steps as (

    select
        period,
        -- What was mended in the vault is exported later; the period was with the first.
        min(case when to_status = 'exported' then events.at end) as exported_at,
        max(case when to_status = 'paid' then events.at end) as paid_at
    from events
    group by period

),

final as (

    select
        payouts.payout_id,
        payouts.partner_id,
        payouts.currency,
        payouts.period,
        cast(payouts.period || '-01' as date) as month,
        payouts.status,
        payouts.opening_balance,
        payouts.earned,
        payouts.adjustments,
        payouts.payable,
        payouts.closing_balance,
        payouts.line_count,
        cast(sum(payouts.payable) over so_far as {{ money_total() }}) as paid_to_date,
        cast(
            payouts.payable - lag(payouts.payable) over (
                partition by payouts.partner_id, payouts.currency order by payouts.period
            ) as {{ money() }}
        ) as change_from_previous,
        count(case when payouts.payable > 0 then 1 end) over so_far as payouts_to_date,
        payouts.approved_at,
        steps.exported_at,
        steps.paid_at
    from payouts
    left join steps on payouts.period = steps.period
    window so_far as (
        partition by payouts.partner_id, payouts.currency
        order by payouts.period
        rows between unbounded preceding and current row
    )

)

select * from final
