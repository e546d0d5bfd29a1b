with

bases as (

    select * from {{ ref('int_commission_bases') }}

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

invoices as (

    select * from {{ ref('int_invoices') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

-- The net of a movement falls into buckets: each earning partner's, then those of the reasons why it earns nothing.
contributions as (

    select
        movement_kind,
        movement_id,
        case
            when is_earning then '0'
            when is_without_rate then '1'
            else '2'
        end || coalesce(reason, '') || case when is_earning then partner_id else '' end as bucket,
        case when is_earning then partner_id end as partner_id,
        case when is_without_rate then 'missing_fx_rate' else reason end as reason,
        case when reason is null then base_fine else net_fine end as fine
    from bases
    union all
    select
        movement_kind,
        movement_id,
        '3' as bucket,
        cast(null as varchar) as partner_id,
        'excluded_product' as reason,
        net_fine - base_fine as fine
    from bases
    where reason is null and net_fine <> base_fine

),

located as (

    select
        movements.invoice_id,
        movements.currency,
        movements.invoice_sequence,
        contributions.bucket,
        contributions.partner_id,
        contributions.reason,
        cast(sum(contributions.fine) as {{ wide_integer() }}) as fine
    from contributions
    inner join movements using (movement_kind, movement_id)
    group by
        movements.invoice_id,
        movements.currency,
        movements.invoice_sequence,
        contributions.bucket,
        contributions.partner_id,
        contributions.reason

),

buckets as (

    select distinct
        invoice_id,
        currency,
        bucket,
        partner_id,
        reason
    from located

),

running as (

    select
        movements.movement_kind,
        movements.movement_id,
        movements.invoice_id,
        movements.currency,
        movements.invoice_sequence,
        buckets.bucket,
        buckets.partner_id,
        buckets.reason,
        cast(sum(coalesce(located.fine, 0)) over bucket_so_far as {{ wide_integer() }}) as fine_so_far
    from buckets
    inner join movements using (invoice_id, currency)
    left join located using (invoice_id, currency, invoice_sequence, bucket)
    window bucket_so_far as (
        partition by buckets.invoice_id, buckets.currency, buckets.bucket
        order by movements.invoice_sequence
        rows between unbounded preceding and current row
    )

),

prefixes as (

    select
        running.*,
        {{ mills_per_minor_unit('currencies.minor_unit') }} as minor_mills,
        {{ exact_per_minor_unit('currencies.minor_unit') }} as minor_exact,
        cast(sum(running.fine_so_far) over (
            partition by running.invoice_id, running.currency, running.invoice_sequence
            order by running.bucket
            rows between unbounded preceding and current row
        ) as {{ wide_integer() }}) as fine_prefix
    from running
    left join currencies using (currency)

),

snapped as (

    select
        prefixes.*,
        {{ round_ratio('fine_prefix', 100) }} as exact_prefix
    from prefixes

),

-- Rounding the running totals over the buckets, not the buckets, makes them sum to the rounded whole.
rounded as (

    select
        snapped.*,
        {{ round_ratio('exact_prefix', 'minor_exact') }} * minor_mills as mills_prefix
    from snapped

),

parted as (

    select
        rounded.*,
        mills_prefix - lag(mills_prefix, 1, 0) over (
            partition by invoice_id, currency, invoice_sequence order by bucket
        ) as mills_so_far
    from rounded

),

changed as (

    select
        movement_kind,
        movement_id,
        partner_id,
        reason,
        {{ mills_to_money(
            'mills_so_far - lag(mills_so_far, 1, 0) over (partition by invoice_id, currency, bucket order by invoice_sequence)'
        ) }} as amount
    from parted

),

assigned as (

    select
        movement_kind,
        movement_id,
        sum(amount) as amount
    from changed
    group by movement_kind, movement_id

),

-- What is left of the movement, by what it is.
others as (

    select
        movements.movement_kind,
        movements.movement_id,
        movements.invoice_id,
        invoices.invoice_id is null as is_unknown_invoice,
        movements.amount - movements.credit - movements.cash as beyond_payment,
        movements.cash - movements.collected as beyond_invoice,
        movements.credit,
        movements.net_collected,
        movements.collected - movements.net_collected as tax,
        movements.net_collected - coalesce(assigned.amount, 0) as unassigned
    from movements
    left join invoices using (invoice_id)
    left join assigned using (movement_kind, movement_id)

),

final as (

    select
        movement_kind,
        movement_id,
        partner_id,
        reason,
        amount
    from changed
    where amount <> 0
    union all
    select
        movement_kind,
        movement_id,
        null as partner_id,
        case
            when is_unknown_invoice then 'unknown_invoice'
            -- Plans that credit by different models may together pay on more than was collected.
            when sign(unassigned) <> sign(net_collected) then 'credited_twice'
            else 'no_partner'
        end as reason,
        cast(unassigned as {{ money() }}) as amount
    from others
    where unassigned <> 0
    union all
    select
        movement_kind,
        movement_id,
        null as partner_id,
        'tax' as reason,
        cast(tax as {{ money() }}) as amount
    from others
    where tax <> 0
    union all
    select
        movement_kind,
        movement_id,
        null as partner_id,
        'paid_from_credit' as reason,
        cast(credit as {{ money() }}) as amount
    from others
    where credit <> 0
    union all
    select
        movement_kind,
        movement_id,
        null as partner_id,
        case
            when movement_kind = 'credit_note' and is_unknown_invoice then 'unknown_invoice'
            when movement_kind = 'credit_note' then 'credit_note_on_unpaid'
            when movement_kind = 'payment' then 'overpaid'
            when invoice_id is null then 'unknown_payment'
            when beyond_payment <> 0 and beyond_invoice = 0 then 'refund_exceeds_payment'
            else 'already_credited'
        end as reason,
        cast(beyond_payment + beyond_invoice as {{ money() }}) as amount
    from others
    where beyond_payment + beyond_invoice <> 0

)

select * from final
