with

earned as (

    select * from {{ ref('int_commission_earned') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}

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

described as (

    select
        earned.*,
        bases.programme,
        bases.invoice_id,
        bases.deal_id,
        bases.customer_id,
        bases.currency as native_currency,
        bases.share,
        bases.fx_rate,
        bases.fx_date,
        bases.effective_at as occurred_at,
        bases.moved_on,
        bases.paid_on,
        bases.payment_terms_days,
        coalesce(buckets.amount, 0) as movement_base
    from earned
    inner join bases using (movement_kind, movement_id, payment_id, partner_id)
    left join buckets using (movement_kind, movement_id, partner_id)

),

-- A movement's base, in minor units, falls to its slices: running totals rounded, the last one takes the whole.
sliced as (

    select
        described.*,
        {{ mills_per_minor_unit('currencies.minor_unit') }} as minor_mills,
        {{ to_units('fx_rate', 10) }} as fx_units,
        cast(sum(described.slice_fine) over slices_so_far as {{ wide_integer() }}) as slice_fine_so_far,
        row_number() over slices_so_far as slice_number,
        count(*) over (
            partition by
                described.movement_kind, described.movement_id, described.partner_id, described.component
        ) as component_slices
    from described
    left join currencies on described.native_currency = currencies.currency
    where described.slice_count > 1 and described.component = 'percentage'
    window slices_so_far as (
        partition by
            described.movement_kind, described.movement_id, described.partner_id, described.component
        order by described.payment_id, described.slice
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
        * exclude (minor_mills, fx_units, slice_fine_so_far, slice_number, component_slices, base_so_far),
        base_so_far - lag(base_so_far, 1, 0) over (
            partition by movement_kind, movement_id, partner_id, component order by slice_number
        ) as slice_base
    from running
    union all
    select
        *,
        movement_base as slice_base
    from described
    where slice_count = 1 or component <> 'percentage'

),

cash_lines as (

    select
        movement_kind,
        movement_id,
        payment_id,
        partner_id,
        programme,
        plan_id,
        plan_version,
        component,
        slice,
        tier,
        rate,
        case
            when component = 'percentage' then slice_base
            else {{ mills_to_money(round_ratio('priced_fine', 10 ** 9)) }}
        end as base_amount,
        case when component = 'percentage' then native_currency else plan_currency end as base_currency,
        share,
        case when component = 'percentage' then fx_rate else 1 end as fx_rate,
        case when component = 'percentage' then fx_date else moved_on end as fx_date,
        exact_e20,
        amount,
        plan_currency as currency,
        moved_on,
        paid_on,
        payment_terms_days,
        occurred_at,
        invoice_id,
        deal_id,
        customer_id
    from based

),

-- Without a rate of exchange the line is there, with its base; its amount is not known yet.
cash_lines_without_rate as (

    select
        bases.movement_kind,
        bases.movement_id,
        bases.payment_id,
        bases.partner_id,
        bases.programme,
        bases.plan_id,
        bases.plan_version,
        'percentage' as component,
        'unpriced' as slice,
        null as tier,
        null as rate,
        {{ mills_to_money(
            round_ratio('bases.base_fine', '(' ~ mills_per_minor_unit('currencies.minor_unit') ~ ' * ' ~ 10 ** 9 ~ ')')
            ~ ' * ' ~ mills_per_minor_unit('currencies.minor_unit')
        ) }} as base_amount,
        bases.currency as base_currency,
        bases.share,
        null as fx_rate,
        null as fx_date,
        null as exact_e20,
        null as amount,
        bases.plan_currency as currency,
        bases.moved_on,
        bases.paid_on,
        bases.payment_terms_days,
        bases.effective_at as occurred_at,
        bases.invoice_id,
        bases.deal_id,
        bases.customer_id
    from bases
    left join currencies using (currency)
    where bases.is_without_rate

),

fee_lines as (

    select
        'deal' as movement_kind,
        fees.deal_id as movement_id,
        fees.deal_id as payment_id,
        fees.partner_id,
        fees.programme,
        fees.plan_id,
        fees.plan_version,
        'fixed_fee' as component,
        'fee' as slice,
        fees.tier,
        fees.volume_rate as rate,
        fees.amount as base_amount,
        fees.currency as base_currency,
        fees.share,
        fees.fx_rate,
        fees.fx_date,
        earned.exact_e20,
        earned.amount,
        fees.plan_currency as currency,
        fees.closed_on as moved_on,
        fees.closed_on as paid_on,
        fees.payment_terms_days,
        fees.closed_at as occurred_at,
        null as invoice_id,
        fees.deal_id,
        fees.customer_id
    from fees
    left join earned
        on
            fees.deal_id = earned.movement_id
            and fees.partner_id = earned.partner_id
            and earned.movement_kind = 'deal'

),

bonus_lines as (

    select
        bonuses.movement_kind,
        bonuses.movement_id,
        bonuses.payment_id,
        bonuses.partner_id,
        bases.programme,
        bonuses.plan_id,
        bonuses.plan_version,
        'bonus' as component,
        bonuses.slice,
        null as tier,
        bonuses.rate,
        bonuses.base_amount,
        bases.plan_currency as base_currency,
        1 as share,
        1 as fx_rate,
        bases.moved_on as fx_date,
        bonuses.exact_e20,
        bonuses.amount,
        bases.plan_currency as currency,
        bases.moved_on,
        bases.paid_on,
        bases.payment_terms_days,
        bases.effective_at as occurred_at,
        bases.invoice_id,
        bases.deal_id,
        bases.customer_id
    from bonuses
    inner join bases using (movement_kind, movement_id, payment_id, partner_id)

),

cap_lines as (

    select
        caps.movement_kind,
        caps.movement_id,
        caps.payment_id,
        caps.partner_id,
        coalesce(bases.programme, fees.programme) as programme,
        caps.plan_id,
        caps.plan_version,
        'cap' as component,
        'cap' as slice,
        null as tier,
        null as rate,
        0 as base_amount,
        coalesce(bases.plan_currency, fees.plan_currency) as base_currency,
        1 as share,
        1 as fx_rate,
        coalesce(bases.moved_on, fees.closed_on) as fx_date,
        null as exact_e20,
        caps.amount,
        coalesce(bases.plan_currency, fees.plan_currency) as currency,
        coalesce(bases.moved_on, fees.closed_on) as moved_on,
        coalesce(bases.paid_on, fees.closed_on) as paid_on,
        coalesce(bases.payment_terms_days, fees.payment_terms_days) as payment_terms_days,
        coalesce(bases.effective_at, fees.closed_at) as occurred_at,
        bases.invoice_id,
        coalesce(bases.deal_id, fees.deal_id) as deal_id,
        coalesce(bases.customer_id, fees.customer_id) as customer_id
    from caps
    left join bases using (movement_kind, movement_id, payment_id, partner_id)
    left join fees
        on
            caps.movement_kind = 'deal'
            and caps.movement_id = fees.deal_id
            and caps.partner_id = fees.partner_id

),

lines as (

    select * from cash_lines
    union all
    select * from bonus_lines
    union all
    select * from cap_lines
    union all
    select * from cash_lines_without_rate
    union all
    select * from fee_lines

),

identified as (

    select
        lines.*,
        case when movement_kind <> 'deal' and movement_id <> payment_id then payment_id end as corrected_payment_id,
        {{ commission_line_id(
            'movement_kind', 'movement_id', 'payment_id', 'partner_id', 'plan_id', 'plan_version', 'component', 'slice'
        ) }} as line_id
    from lines

),

corrected as (

    select distinct corrected_payment_id as payment_id
    from identified
    where corrected_payment_id is not null

),

-- The lines of the original payments, for those that correct them: of the same slice if there is one, else the first.
originals as (

    select
        identified.payment_id,
        identified.partner_id,
        identified.plan_id,
        identified.plan_version,
        identified.component,
        identified.slice,
        identified.line_id,
        row_number() over (
            partition by
                identified.payment_id, identified.partner_id, identified.plan_id, identified.plan_version
            order by
                case identified.component when 'percentage' then 1 else 2 end,
                identified.component,
                identified.slice
        ) as line_number
    from identified
    inner join corrected using (payment_id)
    where identified.movement_kind = 'payment' and identified.movement_id = identified.payment_id

),

-- Only what takes back looks for what it corrects.
linked as (

    select
        identified.*,
        coalesce(same_slice.line_id, first_line.line_id) as corrects_line_id
    from identified
    left join originals as same_slice
        on
            identified.corrected_payment_id = same_slice.payment_id
            and identified.partner_id = same_slice.partner_id
            and identified.plan_id = same_slice.plan_id
            and identified.plan_version = same_slice.plan_version
            and identified.component = same_slice.component
            and identified.slice = same_slice.slice
    left join originals as first_line
        on
            identified.corrected_payment_id = first_line.payment_id
            and identified.partner_id = first_line.partner_id
            and identified.plan_id = first_line.plan_id
            and identified.plan_version = first_line.plan_version
            and first_line.line_number = 1
    where identified.corrected_payment_id is not null
    union all
    select
        *,
        null as corrects_line_id
    from identified
    where corrected_payment_id is null

),

final as (

    select
        linked.line_id,
        linked.partner_id,
        linked.programme,
        linked.plan_id,
        linked.plan_version,
        linked.component,
        linked.movement_kind,
        linked.movement_id,
        linked.corrects_line_id,
        cast(linked.base_amount as {{ money() }}) as base_amount,
        linked.base_currency,
        cast(linked.rate as {{ fraction() }}) as rate,
        linked.tier,
        cast(linked.share as {{ fraction() }}) as split_share,
        cast(linked.fx_rate as {{ exact() }}) as fx_rate,
        cast(linked.fx_date as date) as fx_date,
        cast(linked.amount as {{ money() }}) as amount,
        linked.currency,
        linked.moved_on as earned_on,
        greatest(
            linked.moved_on,
            {{ days_after('linked.paid_on', 'linked.payment_terms_days') }}
        ) as payable_on,
        linked.occurred_at,
        linked.payment_id,
        linked.invoice_id,
        linked.deal_id,
        linked.customer_id,
        linked.slice,
        cast(
            cast({{ round_ratio('linked.exact_e20', 10 ** 10) }} as decimal(28, 0))
            * cast(0.0000000001 as decimal(10, 10))
            as {{ exact() }}
        ) as exact_amount
    from linked

)

select * from final
