{{ config(tags=['ledger']) }}

with

commission_lines as (

    select * from {{ ref('commission_lines') }}

),

payout_lines as (

    select * from {{ ref('approved_payout_lines') }}

),

-- What moved to a partner with a merger is no plan's, and comes to nothing.
approved_payout_lines as (

    select * from payout_lines
    where coalesce(component, '') <> 'balance'

),

held_amounts as (

    select * from {{ ref('int_commission_held_amounts') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

computed_for as (

    select cast(date_trunc('month', {{ local_day('as_of', 'timezone') }}) as date) as as_of_month
    from parameters

),

-- A line changes the month in which it is earned, and the one from which it can be paid.
changes as (

    select
        cast(date_trunc('month', earned_on) as date) as month,
        plan_id,
        coalesce({{ word('programme') }}, 'unassigned') as programme,
        currency,
        case when corrects_line_id is null then amount else 0 end as earned,
        case when corrects_line_id is null then 0 else amount end as adjustments,
        0 as released,
        amount as becomes_waiting,
        0 as becomes_held
    from commission_lines
    where amount is not null
    union all
    select
        cast(date_trunc('month', commission_lines.payable_on) as date) as month,
        commission_lines.plan_id,
        coalesce({{ word('commission_lines.programme') }}, 'unassigned') as programme,
        commission_lines.currency,
        0 as earned,
        0 as adjustments,
        0 as released,
        -commission_lines.amount as becomes_waiting,
        coalesce(held_amounts.amount, 0) as becomes_held
    from commission_lines
    left join held_amounts
        on
            commission_lines.line_id = held_amounts.line_id
            and not held_amounts.is_posted
    where commission_lines.amount is not null
    union all
    select
        cast(concat(approved_payout_lines.period, '-01') as date) as month,
        approved_payout_lines.plan_id,
        coalesce({{ word('approved_payout_lines.programme') }}, 'unassigned') as programme,
        approved_payout_lines.currency,
        0 as earned,
        0 as adjustments,
        approved_payout_lines.amount as released,
        0 as becomes_waiting,
        coalesce(-held_amounts.amount, 0) as becomes_held
    from approved_payout_lines
    left join held_amounts
        on
            approved_payout_lines.line_id = held_amounts.line_id
            and held_amounts.is_posted

),

-- A plan's time zone may be in the next month already.
known_months as (

    select month from changes
    where earned <> 0 or adjustments <> 0 or released <> 0
    union all
    select as_of_month as month from computed_for

),

last_month as (

    select max(month) as month
    from known_months

),

accounts as (

    select
        plan_id,
        programme,
        currency,
        min(month) as first_month
    from changes
    group by plan_id, programme, currency

),

months as (

    select
        accounts.plan_id,
        accounts.programme,
        accounts.currency,
        {{ each_month('accounts.first_month', 'last_month.month') }} as month
    from accounts
    cross join last_month

),

changed as (

    select
        month,
        plan_id,
        programme,
        currency,
        sum(earned) as earned,
        sum(adjustments) as adjustments,
        sum(released) as released,
        sum(becomes_waiting) as becomes_waiting,
        sum(becomes_held) as becomes_held
    from changes
    group by month, plan_id, programme, currency

),

filled as (

    select
        months.month,
        months.plan_id,
        months.programme,
        months.currency,
        coalesce(changed.earned, 0) as earned,
        coalesce(changed.adjustments, 0) as adjustments,
        coalesce(changed.released, 0) as released,
        coalesce(changed.becomes_waiting, 0) as becomes_waiting,
        coalesce(changed.becomes_held, 0) as becomes_held
    from months
    left join changed using (month, plan_id, programme, currency)

),

summed as (

    select
        *,
        sum(earned + adjustments - released) over running as closing,
        sum(becomes_waiting) over running as not_yet_payable,
        sum(becomes_held) over running as held
    from filled
    window
        running as (
            partition by plan_id, programme, currency order by month
            rows between unbounded preceding and current row
        )

),

final as (

    select
        summed.month,
        summed.plan_id,
        summed.programme,
        summed.currency,
        cast(summed.closing - summed.earned - summed.adjustments + summed.released as {{ money_total() }}) as opening,
        cast(summed.earned as {{ money_total() }}) as earned,
        cast(summed.adjustments as {{ money_total() }}) as adjustments,
        cast(summed.released as {{ money_total() }}) as released,
        cast(summed.closing as {{ money_total() }}) as closing,
        cast(summed.not_yet_payable as {{ money_total() }}) as not_yet_payable,
        cast(summed.held as {{ money_total() }}) as held,
        cast(summed.closing - summed.not_yet_payable - summed.held as {{ money_total() }}) as due,
        summed.month < computed_for.as_of_month as is_closed
    from summed
    cross join computed_for

)

select * from final
