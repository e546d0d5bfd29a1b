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
        invoice_key,
        movement_key,
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
        invoice_key,
        movement_key,
        '3' as bucket,
        cast(null as {{ text_type() }}) as partner_id,
        'excluded_product' as reason,
        net_fine - base_fine as fine
    from bases
    where reason is null and net_fine <> base_fine

),

found as (

    select distinct
        invoice_key,
        bucket,
        partner_id,
        reason
    from contributions

),

buckets as (

    select
        found.*,
        row_number() over (partition by invoice_key order by bucket) as bucket_number,
        count(*) over (partition by invoice_key) as bucket_count
    from found

),

located as (

    select
        contributions.movement_key,
        contributions.invoice_key,
        buckets.bucket_number,
        buckets.bucket_count,
        cast(sum(contributions.fine) as {{ wide_integer() }}) as fine
    from contributions
    inner join buckets using (invoice_key, bucket)
    group by
        contributions.movement_key,
        contributions.invoice_key,
        buckets.bucket_number,
        buckets.bucket_count

),

-- Nearly every invoice has one bucket. There the part is what the rounded running total is after less before.
single as (

    select
        located.*,
        cast(
            sum(fine) over (
                partition by invoice_key order by movement_key rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as fine_so_far
    from located
    where bucket_count = 1

),

scaled as (

    select
        single.*,
        {{ mills_per_minor_unit('currencies.minor_unit') }} as minor_mills,
        {{ exact_per_minor_unit('currencies.minor_unit') }} as minor_exact,
        {{ round_ratio('fine_so_far', 100) }} as exact_so_far,
        {{ round_ratio('(fine_so_far - fine)', 100) }} as exact_before
    from single
    inner join movements using (movement_key)
    left join currencies using (currency)

),

single_parts as (

    select
        movement_key,
        invoice_key,
        bucket_number,
        (
            {{ round_ratio('exact_so_far', 'minor_exact') }} - {{ round_ratio('exact_before', 'minor_exact') }}
        ) * minor_mills as part_mills
    from scaled

),

running as (

    select
        movements.movement_key,
        movements.invoice_key,
        movements.currency,
        buckets.bucket_number,
        cast(sum(coalesce(located.fine, 0)) over bucket_so_far as {{ wide_integer() }}) as fine_so_far
    from buckets
    inner join movements using (invoice_key)
    left join located using (movement_key, bucket_number)
    where buckets.bucket_count > 1
    window bucket_so_far as (
        partition by buckets.invoice_key, buckets.bucket_number
        order by movements.movement_key
        rows between unbounded preceding and current row
    )

),

prefixes as (

    select
        running.*,
        {{ mills_per_minor_unit('currencies.minor_unit') }} as minor_mills,
        {{ exact_per_minor_unit('currencies.minor_unit') }} as minor_exact,
        cast(sum(running.fine_so_far) over (
            partition by running.movement_key
            order by running.bucket_number
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
            partition by movement_key order by bucket_number
        ) as mills_so_far
    from rounded

),

parts as (

    select
        movement_key,
        invoice_key,
        bucket_number,
        mills_so_far - lag(mills_so_far, 1, 0) over (
            partition by invoice_key, bucket_number order by movement_key
        ) as part_mills
    from parted
    union all
    select
        movement_key,
        invoice_key,
        bucket_number,
        part_mills
    from single_parts

),

changed as (

    select
        parts.movement_key,
        buckets.partner_id,
        buckets.reason,
        {{ mills_to_money('parts.part_mills') }} as amount
    from parts
    inner join buckets using (invoice_key, bucket_number)
    where parts.part_mills <> 0

),

assigned as (

    select
        movement_key,
        sum(amount) as amount
    from changed
    group by movement_key

),

-- What is left of the movement, by what it is.
others as (

    select
        movements.movement_key,
        movements.movement_kind,
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
    left join assigned using (movement_key)

),

final as (

    select
        movement_key,
        partner_id,
        reason,
        amount
    from changed
    union all
    select
        movement_key,
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
        movement_key,
        null as partner_id,
        'tax' as reason,
        cast(tax as {{ money() }}) as amount
    from others
    where tax <> 0
    union all
    select
        movement_key,
        null as partner_id,
        'paid_from_credit' as reason,
        cast(credit as {{ money() }}) as amount
    from others
    where credit <> 0
    union all
    select
        movement_key,
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
