with

slices as (

    select * from {{ ref('int_commission_slices') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}

),

fees as (

    select * from {{ ref('int_commission_fees') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

leaves as (

    select
        'invoice' as order_kind,
        bases.invoice_id as order_id,
        bases.invoice_sequence as sequence,
        slices.movement_kind,
        slices.movement_id,
        slices.payment_id,
        slices.partner_id,
        bases.plan_id,
        bases.plan_version,
        bases.plan_currency,
        bases.rounding,
        slices.component,
        slices.slice,
        slices.tier_number,
        slices.tier,
        slices.rate,
        case when slices.component = 'percentage' then slices.slice_fine else 0 end as slice_fine,
        slices.slice_fine as priced_fine,
        slices.slice_fine * slices.rate_units as exact_e20
    from slices
    inner join bases using (movement_kind, movement_id, payment_id, partner_id)
    union all
    select
        'deal' as order_kind,
        deal_id as order_id,
        1 as sequence,
        'deal' as movement_kind,
        deal_id as movement_id,
        deal_id as payment_id,
        partner_id,
        plan_id,
        plan_version,
        plan_currency,
        rounding,
        'fixed_fee' as component,
        cast(tier_number as varchar) as slice,
        tier_number,
        tier,
        volume_rate as rate,
        0 as slice_fine,
        0 as priced_fine,
        exact_e20
    from fees
    where not is_without_rate

),

deltas as (

    select
        order_kind,
        order_id,
        plan_id,
        plan_version,
        plan_currency,
        rounding,
        partner_id,
        sequence,
        movement_kind,
        movement_id,
        cast(sum(exact_e20) as {{ wide_integer() }}) as exact_e20
    from leaves
    group by
        order_kind,
        order_id,
        plan_id,
        plan_version,
        plan_currency,
        rounding,
        partner_id,
        sequence,
        movement_kind,
        movement_id

),

steps as (

    select distinct
        order_kind,
        order_id,
        plan_id,
        plan_version,
        plan_currency,
        rounding,
        sequence,
        movement_kind,
        movement_id
    from deltas

),

sharers as (

    select distinct
        order_kind,
        order_id,
        plan_id,
        plan_version,
        partner_id
    from deltas

),

-- Each partner's exact commission of the order so far, at every movement of it.
running as (

    select
        steps.order_kind,
        steps.order_id,
        steps.plan_id,
        steps.plan_version,
        steps.plan_currency,
        steps.rounding,
        steps.sequence,
        steps.movement_kind,
        steps.movement_id,
        sharers.partner_id,
        cast(
            sum(coalesce(deltas.exact_e20, 0)) over (
                partition by steps.order_kind, steps.order_id, steps.plan_id, steps.plan_version, sharers.partner_id
                order by steps.sequence
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as exact_e20
    from steps
    inner join sharers using (order_kind, order_id, plan_id, plan_version)
    left join deltas using (order_kind, order_id, plan_id, plan_version, sequence, partner_id)

),

stated as (

    select
        running.*,
        {{ round_ratio('exact_e20', 10 ** 10) }} as exact_units,
        currencies.minor_unit,
        {{ exact_per_minor_unit('currencies.minor_unit') }} as minor_exact
    from running
    left join currencies on running.plan_currency = currencies.currency

),

totals as (

    select
        stated.*,
        cast(sum(exact_units) over step as {{ wide_integer() }}) as total_units,
        {{ floor_ratio('exact_units', 'minor_exact') }} as floor_count
    from stated
    window step as (partition by order_kind, order_id, plan_id, plan_version, sequence)

),

-- The whole is rounded; its minor units go to the partners by largest remainder, ties by partner id.
ranked as (

    select
        totals.*,
        {{ round_ratio('total_units', 'minor_exact', 'rounding') }}
        - cast(sum(floor_count) over step as {{ wide_integer() }}) as left_over,
        row_number() over (
            partition by order_kind, order_id, plan_id, plan_version, sequence
            order by exact_units - floor_count * minor_exact desc, partner_id
        ) as remainder_rank
    from totals
    window step as (partition by order_kind, order_id, plan_id, plan_version, sequence)

),

counted as (

    select
        ranked.*,
        floor_count + case when remainder_rank <= left_over then 1 else 0 end as count_so_far
    from ranked

),

shares as (

    select
        counted.movement_kind,
        counted.movement_id,
        counted.partner_id,
        counted.plan_id,
        counted.plan_version,
        counted.minor_unit,
        counted.minor_exact,
        counted.count_so_far - lag(counted.count_so_far, 1, 0) over (
            partition by order_kind, order_id, plan_id, plan_version, partner_id order by sequence
        ) as unit_count
    from counted

),

-- Within a movement, a partner's minor units go to its tiers: the same way, and the same for a loss as for a gain.
slice_counts as (

    select
        leaves.*,
        shares.minor_unit,
        shares.unit_count,
        shares.minor_exact * {{ 10 ** 10 }} as minor_e20,
        {{ truncated_ratio('leaves.exact_e20', '(shares.minor_exact * ' ~ 10 ** 10 ~ ')') }} as whole_count
    from leaves
    inner join shares using (movement_kind, movement_id, partner_id, plan_id, plan_version)

),

slices_left_over as (

    select
        slice_counts.*,
        unit_count - cast(sum(whole_count) over partner_movement as {{ wide_integer() }}) as left_over,
        count(*) over partner_movement as slice_count
    from slice_counts
    window partner_movement as (partition by movement_kind, movement_id, partner_id, plan_id, plan_version)

),

slices_ranked as (

    select
        slices_left_over.*,
        case when left_over < 0 then -1 else 1 end as direction,
        row_number() over (
            partition by movement_kind, movement_id, partner_id, plan_id, plan_version
            order by
                (exact_e20 - whole_count * minor_e20) * case when left_over < 0 then -1 else 1 end desc,
                component,
                slice asc,
                payment_id asc
        ) as remainder_rank
    from slices_left_over

),

final as (

    select
        order_kind,
        order_id,
        movement_kind,
        movement_id,
        payment_id,
        partner_id,
        plan_id,
        plan_version,
        plan_currency,
        component,
        slice,
        tier_number,
        tier,
        rate,
        slice_fine,
        priced_fine,
        exact_e20,
        {{ minor_units_to_money(
            'whole_count + direction * (case when remainder_rank <= abs(left_over) then 1 else 0 end'
            ~ ' + case when remainder_rank = 1 then greatest(abs(left_over) - slice_count, 0) else 0 end)',
            'minor_unit'
        ) }} as amount
    from slices_ranked

)

select * from final
