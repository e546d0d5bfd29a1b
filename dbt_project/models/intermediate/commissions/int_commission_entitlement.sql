with

earned as (

    select * from {{ ref('int_commission_earned') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

payments as (

    select
        movement_key as payment_key,
        movement_id as payment_id
    from movements
    where movement_kind = 'payment'

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

buckets as (

    select * from {{ ref('int_movement_buckets') }}
    where partner_id is not null

),

fees as (

    select * from {{ ref('int_commission_fees') }}

),

bonuses as (

    select * from {{ ref('int_commission_bonuses') }}

),

caps as (

    select * from {{ ref('int_commission_caps') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

measured as (

    select
        earned.*,
        coalesce(buckets.amount, 0) as movement_base
    from earned
    left join buckets
        on
            earned.movement_key = buckets.movement_key
            and earned.partner_id = buckets.partner_id

),

-- A movement's base, in minor units, falls to its slices: running totals rounded, the last one takes the whole.
sliced as (

    select
        measured.*,
        {{ mills_per_minor_unit('currencies.minor_unit') }} as minor_mills,
        {{ to_units('bases.fx_rate', 10) }} as fx_units,
        cast(sum(measured.slice_fine) over slices_so_far as {{ wide_integer() }}) as slice_fine_so_far,
        row_number() over slices_so_far as slice_number,
        count(*) over (
            partition by measured.movement_key, measured.partner_id, measured.component
        ) as component_slices
    from measured
    inner join bases using (base_key)
    inner join movements on measured.movement_key = movements.movement_key
    left join currencies on movements.currency = currencies.currency
    where measured.slice_count > 1 and measured.component = 'percentage'
    window slices_so_far as (
        partition by measured.movement_key, measured.partner_id, measured.component
        order by bases.part_number, measured.slice
        rows between unbounded preceding and current row
    )

),

running as (

    select
        sliced.*,
        case
            when slice_number = component_slices then movement_base
            else
                {{ mills_to_money(
                    round_ratio('slice_fine_so_far * 10', 'fx_units * minor_mills') ~ ' * minor_mills'
                ) }}
        end as base_so_far
    from sliced

),

based as (

    select
        {{ all_but(
            ['minor_mills', 'fx_units', 'slice_fine_so_far', 'slice_number', 'component_slices', 'base_so_far']
        ) }},
        base_so_far - lag(base_so_far, 1, 0) over (
            partition by movement_key, partner_id, component order by slice_number
        ) as slice_base
    from running
    union all
    select
        *,
        movement_base as slice_base
    from measured
    where slice_count = 1 or component <> 'percentage'

),

parts as (

    select
        base_key,
        component,
        slice,
        tier,
        rate,
        case
            when component = 'percentage' then slice_base
            else {{ mills_to_money(round_ratio('priced_fine', 10 ** 9)) }}
        end as base_amount,
        exact_e20,
        amount
    from based
    union all
    select
        base_key,
        'bonus' as component,
        slice,
        null as tier,
        rate,
        base_amount,
        exact_e20,
        amount
    from bonuses
    union all
    select
        base_key,
        'cap' as component,
        'cap' as slice,
        null as tier,
        null as rate,
        0 as base_amount,
        null as exact_e20,
        amount
    from caps
    union all
    -- Without a rate of exchange the line is there, with its base; its amount is not known yet.
    select
        bases.base_key,
        'percentage' as component,
        'unpriced' as slice,
        null as tier,
        null as rate,
        {{ mills_to_money(
            round_ratio('bases.base_fine', '(' ~ mills_per_minor_unit('currencies.minor_unit') ~ ' * ' ~ 10 ** 9 ~ ')')
            ~ ' * ' ~ mills_per_minor_unit('currencies.minor_unit')
        ) }} as base_amount,
        null as exact_e20,
        null as amount
    from bases
    inner join movements using (movement_key)
    left join currencies using (currency)
    where bases.is_without_rate

),

-- Counted before they meet anything else: rows are counted by one thread alone.
keyed_parts as (

    select
        {{ row_key() }} as line_key,
        *
    from parts

),

-- What takes back is of another movement than the payment that it takes from, where the partner has a base too.
corrections as (

    select
        bases.base_key,
        original_bases.base_key as original_key,
        payments.payment_id
    from bases
    inner join payments using (payment_key)
    left join bases as original_bases
        on
            bases.payment_key = original_bases.movement_key
            and bases.payment_key = original_bases.payment_key
            and bases.partner_id = original_bases.partner_id
            and bases.plan_id = original_bases.plan_id
            and bases.plan_version = original_bases.plan_version
    where bases.movement_key <> bases.payment_key

),

corrected as (

    select distinct original_key as base_key
    from corrections

),

-- The lines of the original payments: what takes back corrects the one of its slice if there is one, else the first.
originals as (

    select
        keyed_parts.base_key,
        keyed_parts.component,
        keyed_parts.slice,
        {{ commission_line_id(
            'movements.movement_kind', 'movements.movement_id', 'movements.movement_id', 'bases.partner_id',
            'bases.plan_id', 'bases.plan_version', 'keyed_parts.component', 'keyed_parts.slice'
        ) }} as line_id,
        row_number() over (
            partition by keyed_parts.base_key
            order by
                case keyed_parts.component when 'percentage' then 1 else 2 end,
                keyed_parts.component,
                keyed_parts.slice
        ) as line_number
    from corrected
    inner join keyed_parts using (base_key)
    inner join bases using (base_key)
    inner join movements using (movement_key)

),

-- Only what takes back looks for what it corrects: few lines.
correcting as (

    select
        keyed_parts.line_key,
        corrections.payment_id,
        coalesce(same_slice.line_id, first_line.line_id) as corrects_line_id
    from corrections
    inner join keyed_parts using (base_key)
    left join originals as same_slice
        on
            corrections.original_key = same_slice.base_key
            and keyed_parts.component = same_slice.component
            and keyed_parts.slice = same_slice.slice
    left join originals as first_line
        on
            corrections.original_key = first_line.base_key
            and first_line.line_number = 1

),

cash_lines as (

    select
        keyed_parts.line_key,
        keyed_parts.base_key,
        movements.movement_key,
        movements.movement_kind,
        movements.movement_id,
        coalesce(correcting.payment_id, movements.movement_id) as payment_id,
        correcting.corrects_line_id,
        bases.partner_id,
        bases.programme,
        bases.plan_id,
        bases.plan_version,
        keyed_parts.component,
        keyed_parts.slice,
        keyed_parts.tier,
        keyed_parts.rate,
        null as fee,
        keyed_parts.base_amount,
        case
            when keyed_parts.component = 'percentage' then movements.currency
            else bases.plan_currency
        end as base_currency,
        case when keyed_parts.component in ('bonus', 'cap') then 1 else bases.share end as share,
        case when keyed_parts.component = 'percentage' then bases.fx_rate else 1 end as fx_rate,
        case when keyed_parts.component = 'percentage' then bases.fx_date else bases.moved_on end as fx_date,
        keyed_parts.exact_e20,
        keyed_parts.amount,
        bases.plan_currency as currency,
        bases.moved_on,
        bases.paid_on,
        movements.effective_at as occurred_at,
        movements.invoice_id,
        movements.deal_id,
        movements.customer_id
    from keyed_parts
    inner join bases using (base_key)
    inner join movements using (movement_key)
    left join correcting using (line_key)

),

fee_parts as (

    select
        fees.fee_key,
        'fixed_fee' as component,
        'fee' as slice,
        fees.tier,
        fees.volume_rate as rate,
        fees.fee,
        fees.amount as base_amount,
        fees.currency as base_currency,
        fees.share,
        fees.fx_rate,
        fees.fx_date,
        earned.exact_e20,
        earned.amount
    from fees
    left join earned on fees.fee_key = earned.base_key
    union all
    select
        fees.fee_key,
        'cap' as component,
        'cap' as slice,
        null as tier,
        null as rate,
        null as fee,
        0 as base_amount,
        fees.plan_currency as base_currency,
        1 as share,
        1 as fx_rate,
        fees.closed_on as fx_date,
        null as exact_e20,
        caps.amount
    from fees
    inner join caps on fees.fee_key = caps.base_key

),

keyed_fee_parts as (

    select
        -{{ row_key() }} as line_key,
        *
    from fee_parts

),

fee_lines as (

    select
        keyed_fee_parts.line_key,
        fees.fee_key as base_key,
        null as movement_key,
        'deal' as movement_kind,
        fees.deal_id as movement_id,
        fees.deal_id as payment_id,
        null as corrects_line_id,
        fees.partner_id,
        fees.programme,
        fees.plan_id,
        fees.plan_version,
        keyed_fee_parts.component,
        keyed_fee_parts.slice,
        keyed_fee_parts.tier,
        keyed_fee_parts.rate,
        keyed_fee_parts.fee,
        keyed_fee_parts.base_amount,
        keyed_fee_parts.base_currency,
        keyed_fee_parts.share,
        keyed_fee_parts.fx_rate,
        keyed_fee_parts.fx_date,
        keyed_fee_parts.exact_e20,
        keyed_fee_parts.amount,
        fees.plan_currency as currency,
        fees.closed_on as moved_on,
        fees.closed_on as paid_on,
        fees.closed_at as occurred_at,
        null as invoice_id,
        fees.deal_id,
        fees.customer_id
    from keyed_fee_parts
    inner join fees using (fee_key)

),

lines as (

    select * from cash_lines
    union all
    select * from fee_lines

),

identified as (

    select
        lines.*,
        {{ commission_line_id(
            'movement_kind', 'movement_id', 'payment_id', 'partner_id', 'plan_id', 'plan_version', 'component', 'slice'
        ) }} as line_id
    from lines

),

final as (

    select
        identified.line_key,
        identified.base_key,
        identified.line_id,
        identified.partner_id,
        identified.programme,
        identified.plan_id,
        identified.plan_version,
        identified.component,
        identified.movement_key,
        identified.movement_kind,
        identified.movement_id,
        identified.corrects_line_id,
        cast(identified.base_amount as {{ money() }}) as base_amount,
        identified.base_currency,
        cast(identified.rate as {{ fraction() }}) as rate,
        identified.tier,
        cast(identified.fee as {{ money() }}) as fee,
        cast(identified.share as {{ fraction() }}) as split_share,
        cast(identified.fx_rate as {{ exact() }}) as fx_rate,
        cast(identified.fx_date as date) as fx_date,
        cast(identified.amount as {{ money() }}) as amount,
        identified.currency,
        identified.paid_on,
        identified.moved_on as earned_on,
        greatest(
            identified.moved_on,
            {{ days_after('identified.paid_on', 'plans.payment_terms_days') }}
        ) as payable_on,
        identified.occurred_at,
        identified.payment_id,
        identified.invoice_id,
        identified.deal_id,
        identified.customer_id,
        identified.slice,
        cast(
            cast({{ round_ratio('identified.exact_e20', 10 ** 10) }} as decimal(28, 0))
            * cast(0.0000000001 as decimal(10, 10))
            as {{ exact() }}
        ) as exact_amount
    from identified
    inner join plans using (plan_id, plan_version)

)

select * from final
