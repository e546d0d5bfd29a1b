{{ config(tags=['ledger']) }}

with

commission_lines as (

    select * from {{ ref('commission_lines') }}

),

payout_lines as (

    select * from {{ ref('approved_payout_lines') }}

),

merged_partners as (

    select * from {{ ref('merged_partners') }}

),

-- Of the partner that it is now. What moved to it with the merger is no plan's, and comes to nothing.
approved_payout_lines as (

    select
        payout_lines.line_id,
        payout_lines.commission_line_id,
        coalesce(merged_partners.merged_into, payout_lines.partner_id) as partner_id,
        payout_lines.plan_id,
        payout_lines.programme,
        payout_lines.component,
        payout_lines.movement_kind,
        payout_lines.movement_id,
        payout_lines.corrects_line_id,
        payout_lines.period,
        payout_lines.currency,
        payout_lines.amount
    from payout_lines
    left join merged_partners on payout_lines.partner_id = merged_partners.partner_id
    where coalesce(payout_lines.component, '') <> 'balance'

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

computed_for as (

    select cast(date_trunc('month', {{ local_day('as_of', 'timezone') }}) as date) as as_of_month
    from parameters

),

held_movements as (

    select distinct
        partner_id,
        plan_id,
        component,
        movement_kind,
        movement_id
    from commission_lines
    where is_held and not {{ takes_back('commission_lines') }}

),

-- As the next draft takes it: what was posted of a partner's line stands while that is held; of a line that the partner
-- has no more, while another of its lines of the movement is, in whichever tier.
standing as (

    select approved_payout_lines.line_id
    from approved_payout_lines
    left join commission_lines
        on
            approved_payout_lines.commission_line_id = commission_lines.line_id
            and approved_payout_lines.partner_id = commission_lines.partner_id
    left join held_movements
        on
            approved_payout_lines.partner_id = held_movements.partner_id
            and approved_payout_lines.plan_id = held_movements.plan_id
            and approved_payout_lines.component = held_movements.component
            and approved_payout_lines.movement_kind = held_movements.movement_kind
            and approved_payout_lines.movement_id = held_movements.movement_id
    where
        case
            when commission_lines.line_id is not null then commission_lines.status = 'held' and commission_lines.is_held
            else held_movements.movement_id is not null
        end

),

-- What posted lines correct, as it is or as it was posted.
corrected_ids as (

    select distinct corrects_line_id as line_id
    from approved_payout_lines
    where corrects_line_id is not null

),

corrected as (

    select
        corrected_ids.line_id,
        commission_lines.movement_kind,
        commission_lines.movement_id
    from corrected_ids
    inner join commission_lines using (line_id)
    union
    select
        corrected_ids.line_id,
        approved_payout_lines.movement_kind,
        approved_payout_lines.movement_id
    from corrected_ids
    inner join approved_payout_lines on corrected_ids.line_id = approved_payout_lines.commission_line_id

),

-- Movements that are held, and those that take from one.
losses_of_held as (

    select
        approved_payout_lines.partner_id,
        approved_payout_lines.currency,
        approved_payout_lines.movement_kind,
        approved_payout_lines.movement_id
    from approved_payout_lines
    left join corrected on approved_payout_lines.corrects_line_id = corrected.line_id
    inner join held_movements
        on
            approved_payout_lines.partner_id = held_movements.partner_id
            and coalesce(corrected.movement_kind, approved_payout_lines.movement_kind) = held_movements.movement_kind
            and coalesce(corrected.movement_id, approved_payout_lines.movement_id) = held_movements.movement_id
    union
    select
        partner_id,
        currency,
        movement_kind,
        movement_id
    from commission_lines
    where is_held and {{ takes_back('commission_lines') }}

),

losses as (

    select
        commission_lines.partner_id,
        commission_lines.currency,
        commission_lines.movement_kind,
        commission_lines.movement_id,
        commission_lines.amount
    from commission_lines
    inner join losses_of_held using (partner_id, currency, movement_kind, movement_id)
    cross join computed_for
    where
        not (commission_lines.status = 'held' and commission_lines.is_held)
        and cast(date_trunc('month', commission_lines.payable_on) as date) <= computed_for.as_of_month
    union all
    select
        approved_payout_lines.partner_id,
        approved_payout_lines.currency,
        approved_payout_lines.movement_kind,
        approved_payout_lines.movement_id,
        -approved_payout_lines.amount as amount
    from approved_payout_lines
    inner join losses_of_held using (partner_id, currency, movement_kind, movement_id)
    left join standing using (line_id)
    where standing.line_id is null

),

-- What would be given back of them waits for the hold's end.
given_back as (

    select
        partner_id,
        currency,
        movement_kind,
        movement_id
    from losses
    group by partner_id, currency, movement_kind, movement_id
    having sum(amount) > 0

),

-- What a free payment's lines earn on payments that are held waits too, and what they take of it.
partly_held as (

    select
        commission_lines.partner_id,
        commission_lines.currency,
        commission_lines.plan_id,
        commission_lines.movement_kind,
        commission_lines.movement_id,
        min(commission_lines.line_id) as line_id,
        sum(commission_lines.withheld_amount) as withheld_amount
    from commission_lines
    cross join computed_for
    where
        commission_lines.withheld_amount <> 0
        and not commission_lines.is_held
        and cast(date_trunc('month', commission_lines.payable_on) as date) <= computed_for.as_of_month
    group by {{ first_columns(5) }}

),

entitled_and_posted as (

    select
        commission_lines.partner_id,
        commission_lines.currency,
        commission_lines.plan_id,
        commission_lines.movement_kind,
        commission_lines.movement_id,
        commission_lines.amount
    from commission_lines
    inner join partly_held using (partner_id, currency, plan_id, movement_kind, movement_id)
    where not (commission_lines.status = 'held' and commission_lines.is_held)
    union all
    select
        approved_payout_lines.partner_id,
        approved_payout_lines.currency,
        approved_payout_lines.plan_id,
        approved_payout_lines.movement_kind,
        approved_payout_lines.movement_id,
        -approved_payout_lines.amount as amount
    from approved_payout_lines
    inner join partly_held using (partner_id, currency, plan_id, movement_kind, movement_id)
    left join standing on approved_payout_lines.line_id = standing.line_id
    where standing.line_id is null

),

unposted as (

    select
        partner_id,
        currency,
        plan_id,
        movement_kind,
        movement_id,
        sum(amount) as amount
    from entitled_and_posted
    group by partner_id, currency, plan_id, movement_kind, movement_id

),

-- A movement is posted up to its amount less that. Told of one of its lines.
wanted_parts as (

    select
        partly_held.*,
        sign(partly_held.withheld_amount) as direction,
        greatest(
            least(abs(partly_held.withheld_amount), sign(partly_held.withheld_amount) * unposted.amount), 0
        ) as amount
    from partly_held
    inner join unposted using (partner_id, currency, plan_id, movement_kind, movement_id)
    where partly_held.withheld_amount <> 0

),

-- What is taken is left out up to what waits of the plan, of payments that are held and on them: the rest was posted.
held_and_posted as (

    select
        partner_id,
        currency,
        plan_id,
        movement_kind,
        movement_id,
        amount
    from commission_lines
    where status = 'held' and is_held
    union all
    select
        approved_payout_lines.partner_id,
        approved_payout_lines.currency,
        approved_payout_lines.plan_id,
        approved_payout_lines.movement_kind,
        approved_payout_lines.movement_id,
        -approved_payout_lines.amount as amount
    from approved_payout_lines
    inner join standing using (line_id)

),

waiting_movements as (

    select
        partner_id,
        currency,
        plan_id,
        greatest(sum(amount), 0) as amount
    from held_and_posted
    group by partner_id, currency, plan_id, movement_kind, movement_id
    union all
    select
        partner_id,
        currency,
        plan_id,
        amount
    from wanted_parts
    where direction = 1

),

waiting_plans as (

    select
        partner_id,
        currency,
        plan_id,
        sum(amount) as amount
    from waiting_movements
    group by partner_id, currency, plan_id

),

wanted_so_far as (

    select
        *,
        sum(amount) over (
            partition by partner_id, currency, plan_id, direction order by movement_id asc, movement_kind asc
            rows between unbounded preceding and current row
        ) as amount_so_far
    from wanted_parts

),

waiting_parts as (

    select
        wanted_so_far.line_id,
        case
            when wanted_so_far.direction = 1 then wanted_so_far.amount
            else -greatest(
                least(
                    wanted_so_far.amount,
                    coalesce(waiting_plans.amount, 0) + wanted_so_far.amount - wanted_so_far.amount_so_far
                ),
                0
            )
        end as amount
    from wanted_so_far
    left join waiting_plans using (partner_id, currency, plan_id)

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
        case
            when commission_lines.status = 'held' and commission_lines.is_held then commission_lines.amount
            when given_back.movement_id is not null then commission_lines.amount
            when waiting_parts.amount <> 0 then waiting_parts.amount
            else 0
        end as becomes_held
    from commission_lines
    left join given_back using (partner_id, currency, movement_kind, movement_id)
    left join waiting_parts using (line_id)
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
        case
            when standing.line_id is not null or given_back.movement_id is not null then -approved_payout_lines.amount
            else 0
        end as becomes_held
    from approved_payout_lines
    left join standing using (line_id)
    left join given_back using (partner_id, currency, movement_kind, movement_id)

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
