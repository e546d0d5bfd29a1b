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

-- Several partners: those whose revenue a movement moves, or re-rates, share what is theirs of the order. The others
-- keep what they have: one partner's tier writes no line for another one.
together as (

    select
        order_key,
        plan_key,
        partner_id,
        movement_key,
        rounding,
        minor_unit,
        minor_exact,
        false as is_sold_apart,
        count(*) > 1 as is_sold_and_re_rated,
        cast(sum(exact_e20) as {{ wide_integer() }}) as exact_e20
    from placed
    where is_shared and (not is_re_rate or exact_e20 <> 0)
    group by {{ first_columns(8) }}

),

divided_orders as (

    select distinct
        order_key,
        plan_key
    from together
    where is_sold_and_re_rated

),

-- Where a movement does both, what it changes is divided: what was sold has what its own sharing out gives it.
to_share as (

    select * from together
    union all
    select
        order_key,
        plan_key,
        placed.partner_id,
        placed.movement_key,
        placed.rounding,
        placed.minor_unit,
        placed.minor_exact,
        true as is_sold_apart,
        null as is_sold_and_re_rated,
        placed.exact_e20
    from placed
    inner join divided_orders using (order_key, plan_key)
    where not placed.is_re_rate

),

-- Each partner's exact commission of the order so far.
running as (

    select
        {{ all_but(['exact_e20']) }},
        cast(
            sum(exact_e20) over (
                partition by is_sold_apart, order_key, plan_key, partner_id
                order by movement_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as exact_e20
    from to_share

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
            partition by is_sold_apart, order_key, plan_key, movement_key
            order by exact_units - floor_count * minor_exact desc, partner_id
        ) as remainder_rank
    from floored
    window step as (partition by is_sold_apart, order_key, plan_key, movement_key)

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

changes as (

    select
        order_key,
        plan_key,
        partner_id,
        movement_key,
        is_sold_apart,
        is_sold_and_re_rated,
        count_so_far - lag(count_so_far, 1, 0) over (
            partition by is_sold_apart, order_key, plan_key, partner_id order by movement_key
        ) as unit_count
    from counted

),

shared_out as (

    select
        placed.movement_key,
        placed.partner_id,
        placed.order_key,
        placed.is_re_rate,
        placed.slice_count,
        placed.minor_unit,
        placed.minor_exact,
        case
            when placed.is_re_rate and placed.exact_e20 = 0 then 0
            when not changes.is_sold_and_re_rated then changes.unit_count
            when placed.is_re_rate then changes.unit_count - sold.unit_count
            else sold.unit_count
        end as unit_count
    from placed
    left join changes
        on
            placed.order_key = changes.order_key
            and placed.plan_key = changes.plan_key
            and placed.partner_id = changes.partner_id
            and placed.movement_key = changes.movement_key
            and not changes.is_sold_apart
    left join changes as sold
        on
            placed.order_key = sold.order_key
            and placed.plan_key = sold.plan_key
            and placed.partner_id = sold.partner_id
            and placed.movement_key = sold.movement_key
            and sold.is_sold_apart
    where placed.is_shared

),

shares as (

    select * from alone_shares
    union all
    select * from shared_out

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
