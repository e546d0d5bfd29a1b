with

leaves as (

    select * from {{ ref('int_commission_leaves') }}

),

shifts as (

    select * from {{ ref('int_commission_shifts') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}

),

plans as (

    {{ numbered_plans() }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

-- What moves in the tiers is a matter of the basis period, and rounded there.
worth as (

    select
        order_key,
        plan_key,
        partner_id,
        movement_key,
        is_re_rate,
        exact_e20,
        1 as slice_count
    from leaves
    union all
    select
        bases.invoice_key as order_key,
        plans.plan_key,
        bases.partner_id,
        bases.movement_key,
        false as is_re_rate,
        -shifts.shift_e20 as exact_e20,
        0 as slice_count
    from shifts
    inner join bases using (base_key)
    inner join plans using (plan_id, plan_version)

),

deltas as (

    select
        order_key,
        plan_key,
        partner_id,
        movement_key,
        is_re_rate,
        cast(sum(exact_e20) as {{ wide_integer() }}) as exact_e20,
        cast(sum(slice_count) as bigint) as slice_count
    from worth
    group by order_key, plan_key, partner_id, movement_key, is_re_rate

),

orders as (

    select
        order_key,
        plan_key,
        min(partner_id) <> max(partner_id) as is_shared
    from deltas
    group by order_key, plan_key

),

placed as (

    select
        deltas.*,
        orders.is_shared,
        plans.rounding,
        currencies.minor_unit,
        {{ exact_per_minor_unit('currencies.minor_unit') }} as minor_exact
    from deltas
    inner join orders using (order_key, plan_key)
    inner join plans using (plan_key)
    left join currencies on plans.currency = currencies.currency

),

-- One partner of the plan: the whole that is rounded is its own, and what it changed is after less before.
alone as (

    select
        placed.*,
        cast(
            sum(exact_e20) over (
                partition by {{ number_pair('order_key', 'plan_key') }}
                order by movement_key, is_re_rate
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as exact_e20_so_far
    from placed
    where not is_shared
    union all
    -- A tier is one partner's: what it re-rates of a shared order is rounded apart, and moves nobody else's cents.
    select
        placed.*,
        cast(
            sum(exact_e20) over (
                partition by order_key, plan_key, partner_id
                order by movement_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as exact_e20_so_far
    from placed
    where is_shared and is_re_rate

),

alone_stated as (

    select
        alone.*,
        {{ round_ratio('exact_e20_so_far', 10 ** 10) }} as units_so_far,
        {{ round_ratio('(exact_e20_so_far - exact_e20)', 10 ** 10) }} as units_before
    from alone

),

alone_shares as (

    select
        movement_key,
        partner_id,
        order_key,
        is_re_rate,
        slice_count,
        minor_unit,
        minor_exact,
        {{ round_ratio('units_so_far', 'minor_exact', 'rounding') }}
        - {{ round_ratio('units_before', 'minor_exact', 'rounding') }} as unit_count
    from alone_stated

),

together as (

    select * from placed
    where is_shared and not is_re_rate

),

steps as (

    select distinct
        order_key,
        plan_key,
        rounding,
        movement_key,
        minor_unit,
        minor_exact
    from together

),

sharers as (

    select distinct
        order_key,
        plan_key,
        partner_id
    from together

),

-- Each partner's exact commission of the order so far, at every movement of it.
running as (

    select
        steps.*,
        sharers.partner_id,
        together.slice_count,
        cast(
            sum(coalesce(together.exact_e20, 0)) over (
                partition by steps.order_key, steps.plan_key, sharers.partner_id
                order by steps.movement_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as exact_e20
    from steps
    inner join sharers using (order_key, plan_key)
    left join together using (order_key, plan_key, movement_key, partner_id)

),

stated as (

    select
        running.*,
        {{ round_ratio('exact_e20', 10 ** 10) }} as exact_units
    from running

),

floored as (

    select
        stated.*,
        {{ floor_ratio('exact_units', 'minor_exact') }} as floor_count
    from stated

),

-- The whole is rounded; its minor units go to the partners by largest remainder, ties by partner id.
ranked as (

    select
        floored.*,
        cast(sum(exact_units) over step as {{ wide_integer() }}) as total_units,
        cast(sum(floor_count) over step as {{ wide_integer() }}) as floor_total,
        row_number() over (
            partition by order_key, plan_key, movement_key
            order by exact_units - floor_count * minor_exact desc, partner_id
        ) as remainder_rank
    from floored
    window step as (partition by order_key, plan_key, movement_key)

),

counted as (

    select
        ranked.*,
        floor_count
        + case
            when remainder_rank <= {{ round_ratio('total_units', 'minor_exact', 'rounding') }} - floor_total then 1
            else 0
        end as count_so_far
    from ranked

),

shares as (

    select
        movement_key,
        partner_id,
        order_key,
        is_re_rate,
        slice_count,
        minor_unit,
        minor_exact,
        unit_count
    from alone_shares
    union all
    select
        counted.movement_key,
        counted.partner_id,
        counted.order_key,
        false as is_re_rate,
        counted.slice_count,
        counted.minor_unit,
        counted.minor_exact,
        counted.count_so_far - lag(counted.count_so_far, 1, 0) over (
            partition by order_key, plan_key, partner_id order by movement_key
        ) as unit_count
    from counted

),

shifted_units as (

    select
        movement_key,
        partner_id,
        cast(sum(unit_count) as {{ wide_integer() }}) as unit_count
    from shifts
    group by movement_key, partner_id

),

slice_counts as (

    select
        leaves.*,
        shares.slice_count,
        shares.minor_unit,
        shares.minor_exact,
        shares.unit_count + coalesce(shifted_units.unit_count, 0) as unit_count
    from leaves
    inner join shares using (movement_key, partner_id)
    left join shifted_units using (movement_key, partner_id)
    where not leaves.is_re_rate and not shares.is_re_rate
    union all
    select
        leaves.*,
        shares.slice_count,
        shares.minor_unit,
        shares.minor_exact,
        shares.unit_count
    from leaves
    inner join shares using (movement_key, partner_id, order_key)
    where leaves.is_re_rate and shares.is_re_rate

),

-- Within a movement, a partner's minor units go to its tiers: the same way, and the same for a loss as for a gain.
slices_floored as (

    select
        slice_counts.*,
        minor_exact * {{ 10 ** 10 }} as minor_e20,
        {{ truncated_ratio('exact_e20', '(minor_exact * ' ~ 10 ** 10 ~ ')') }} as whole_count
    from slice_counts
    where slice_count > 1

),

slices_left_over as (

    select
        slices_floored.*,
        unit_count - cast(sum(whole_count) over partner_movement as {{ wide_integer() }}) as left_over
    from slices_floored
    window partner_movement as (partition by movement_key, partner_id, order_key, is_re_rate)

),

slices_ranked as (

    select
        slices_left_over.*,
        case when left_over < 0 then -1 else 1 end as direction,
        row_number() over (
            partition by movement_key, partner_id, order_key, is_re_rate
            order by
                (exact_e20 - whole_count * minor_e20) * case when left_over < 0 then -1 else 1 end desc,
                component,
                slice asc,
                part_number asc
        ) as remainder_rank
    from slices_left_over

),

parted as (

    select
        *,
        whole_count + direction * (
            case when remainder_rank <= abs(left_over) then 1 else 0 end
            + case when remainder_rank = 1 then greatest(abs(left_over) - slice_count, 0) else 0 end
        ) as part_count
    from slices_ranked

),

counted_slices as (

    select
        {{ all_but(['unit_count']) }},
        unit_count as part_count
    from slice_counts
    where slice_count = 1
    union all
    select {{ all_but(['unit_count', 'minor_e20', 'whole_count', 'left_over', 'direction', 'remainder_rank']) }}
    from parted

),

-- A slice is one line, whatever the orders that it re-rates.
re_rated as (

    select
        base_key,
        component,
        slice,
        cast(sum(exact_e20) as {{ wide_integer() }}) as exact_e20,
        cast(sum(part_count) as {{ wide_integer() }}) as part_count
    from counted_slices
    where is_re_rate and component = 'percentage'
    group by base_key, component, slice

),

{% set columns %}
        counted_slices.base_key,
        counted_slices.movement_key,
        counted_slices.partner_id,
        counted_slices.plan_id,
        counted_slices.plan_version,
        counted_slices.component,
        counted_slices.slice,
        counted_slices.tier_number,
        counted_slices.tier,
        counted_slices.rate,
        counted_slices.slice_fine,
{%- endset -%}

final as (

    select
        {{- columns }}
        counted_slices.priced_fine,
        counted_slices.exact_e20 + coalesce(re_rated.exact_e20, 0) as exact_e20,
        counted_slices.slice_count,
        {{ minor_units_to_money(
            'counted_slices.part_count + coalesce(re_rated.part_count, 0)', 'counted_slices.minor_unit'
        ) }} as amount
    from counted_slices
    left join re_rated using (base_key, component, slice)
    where not counted_slices.is_re_rate
    union all
    select
        {{- columns }}
        cast(sum(priced_fine) as {{ wide_integer() }}) as priced_fine,
        cast(sum(exact_e20) as {{ wide_integer() }}) as exact_e20,
        1 as slice_count,
        {{ minor_units_to_money('cast(sum(part_count) as ' ~ wide_integer() ~ ')', 'max(minor_unit)') }} as amount
    from counted_slices
    where is_re_rate and component = 're_rate'
    group by {{ first_columns(11) }}

)

select * from final
