with

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

movements as (

    select * from {{ ref('int_billing_movements') }}
    where movement_kind = 'payment'

),

fees as (

    select * from {{ ref('int_commission_fees') }}

),

held_payments as (

    select * from {{ ref('int_held_payments') }}

),

held_partners as (

    select * from {{ ref('int_held_partners') }}

),

causes as (

    select
        bases.base_key,
        held_payments.reason
    from bases
    inner join movements on bases.payment_key = movements.movement_key
    inner join held_payments
        on
            movements.movement_id = held_payments.payment_id
            and (held_payments.partner_id is null or bases.partner_id = held_payments.partner_id)
    union all
    select
        bases.base_key,
        held_partners.reason
    from bases
    inner join held_partners on bases.partner_id = held_partners.partner_id
    union all
    select
        fees.fee_key as base_key,
        held_payments.reason
    from fees
    inner join held_payments
        on
            fees.deal_id = held_payments.payment_id
            and held_payments.is_hold
            and (held_payments.partner_id is null or fees.partner_id = held_payments.partner_id)
    union all
    select
        fees.fee_key as base_key,
        held_partners.reason
    from fees
    inner join held_partners on fees.partner_id = held_partners.partner_id

),

reasons as (

    select
        base_key,
        min(reason) as reason
    from causes
    group by base_key

),

final as (

    select
        reasons.base_key,
        reasons.reason,
        bases.movement_key,
        bases.payment_key,
        bases.invoice_key,
        bases.partner_id,
        bases.plan_id,
        bases.plan_version,
        bases.plan_currency,
        bases.paid_on,
        bases.plan_fine
    from reasons
    left join bases on reasons.base_key = bases.base_key

)

select * from final
