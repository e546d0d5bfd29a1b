{{ config(tags=['ledger']) }}

with

entitlement as (

    select * from {{ ref('int_commission_entitlement') }}

),

states as (

    select * from {{ ref('int_commission_line_states') }}

),

posted as (

    select * from {{ ref('int_posted_lines') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

computed_for as (

    select cast(date_trunc('month', {{ local_day('as_of', 'timezone') }}) as date) as as_of_month
    from parameters

),

commission_lines as (

    select
        entitlement.line_id,
        entitlement.partner_id,
        entitlement.currency,
        entitlement.plan_id,
        entitlement.component,
        entitlement.movement_kind,
        entitlement.movement_id,
        entitlement.corrects_line_id,
        entitlement.component = 'cap' and entitlement.movement_kind not in ('payment', 'deal') as is_apart,
        entitlement.payable_on,
        entitlement.amount,
        states.status = 'held' and states.is_held as waits,
        states.is_held,
        states.withheld_amount,
        states.withheld_period
    from entitlement
    inner join states using (line_key)

),

-- Of the partner that it is now.
posted_lines as (

    select
        line_id,
        commission_line_id,
        partner_now as partner_id,
        currency,
        plan_id,
        component,
        movement_kind,
        movement_id,
        corrects_line_id,
        component = 'cap' and movement_kind not in ('payment', 'deal') as is_apart,
        amount
    from posted

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

    select posted_lines.line_id
    from posted_lines
    left join commission_lines
        on
            posted_lines.commission_line_id = commission_lines.line_id
            and posted_lines.partner_id = commission_lines.partner_id
    left join held_movements
        on
            posted_lines.partner_id = held_movements.partner_id
            and posted_lines.plan_id = held_movements.plan_id
            and posted_lines.component = held_movements.component
            and posted_lines.movement_kind = held_movements.movement_kind
            and posted_lines.movement_id = held_movements.movement_id
    where
        case
            when commission_lines.line_id is not null then commission_lines.waits
            else held_movements.movement_id is not null
        end

),

-- What posted lines correct, as it is or as it was posted.
corrected_ids as (

    select distinct corrects_line_id as line_id
    from posted_lines
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
        posted_lines.movement_kind,
        posted_lines.movement_id
    from corrected_ids
    inner join posted_lines on corrected_ids.line_id = posted_lines.commission_line_id

),

-- Movements that are held, and those that take from one.
losses_of_held as (

    select
        posted_lines.partner_id,
        posted_lines.currency,
        posted_lines.movement_kind,
        posted_lines.movement_id
    from posted_lines
    left join corrected on posted_lines.corrects_line_id = corrected.line_id
    inner join held_movements
        on
            posted_lines.partner_id = held_movements.partner_id
            and coalesce(corrected.movement_kind, posted_lines.movement_kind) = held_movements.movement_kind
            and coalesce(corrected.movement_id, posted_lines.movement_id) = held_movements.movement_id
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
        not commission_lines.waits
        and cast(date_trunc('month', commission_lines.payable_on) as date) <= computed_for.as_of_month
    union all
    select
        posted_lines.partner_id,
        posted_lines.currency,
        posted_lines.movement_kind,
        posted_lines.movement_id,
        -posted_lines.amount as amount
    from posted_lines
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

-- What a free payment's lines earn on payments that are held waits too, and what they take of it. The room that a loss
-- makes below a cap waits apart from what is lost.
partly_held as (

    select
        commission_lines.partner_id,
        commission_lines.currency,
        commission_lines.plan_id,
        commission_lines.movement_kind,
        commission_lines.movement_id,
        commission_lines.is_apart,
        min(commission_lines.line_id) as line_id,
        min(commission_lines.withheld_period) as withheld_period,
        sum(commission_lines.withheld_amount) as withheld_amount
    from commission_lines
    cross join computed_for
    where
        commission_lines.withheld_amount <> 0
        and (not commission_lines.is_held or {{ takes_back('commission_lines') }})
        and cast(date_trunc('month', commission_lines.payable_on) as date) <= computed_for.as_of_month
    group by {{ first_columns(6) }}

),

entitled_and_posted as (

    select
        commission_lines.partner_id,
        commission_lines.currency,
        commission_lines.plan_id,
        commission_lines.movement_kind,
        commission_lines.movement_id,
        commission_lines.is_apart,
        commission_lines.amount
    from commission_lines
    inner join partly_held using (partner_id, currency, plan_id, movement_kind, movement_id, is_apart)
    where not commission_lines.waits
    union all
    select
        posted_lines.partner_id,
        posted_lines.currency,
        posted_lines.plan_id,
        posted_lines.movement_kind,
        posted_lines.movement_id,
        posted_lines.is_apart,
        -posted_lines.amount as amount
    from posted_lines
    inner join partly_held using (partner_id, currency, plan_id, movement_kind, movement_id, is_apart)
    left join standing on posted_lines.line_id = standing.line_id
    where standing.line_id is null

),

unposted as (

    select
        partner_id,
        currency,
        plan_id,
        movement_kind,
        movement_id,
        is_apart,
        sum(amount) as amount
    from entitled_and_posted
    group by partner_id, currency, plan_id, movement_kind, movement_id, is_apart

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
    inner join unposted using (partner_id, currency, plan_id, movement_kind, movement_id, is_apart)
    where partly_held.withheld_amount <> 0

),

-- What is taken is left out up to what waits of the plan and period, of payments that are held and on them, and of the
-- room that is made for them: the rest was posted.
held_lines as (

    select
        partner_id,
        currency,
        plan_id,
        withheld_period,
        movement_kind,
        movement_id,
        amount
    from commission_lines
    where waits

),

held_periods as (

    select
        partner_id,
        currency,
        plan_id,
        movement_kind,
        movement_id,
        min(withheld_period) as withheld_period
    from held_lines
    group by partner_id, currency, plan_id, movement_kind, movement_id

),

held_and_posted as (

    select * from held_lines
    union all
    select
        posted_lines.partner_id,
        posted_lines.currency,
        posted_lines.plan_id,
        held_periods.withheld_period,
        posted_lines.movement_kind,
        posted_lines.movement_id,
        -posted_lines.amount as amount
    from posted_lines
    inner join standing using (line_id)
    inner join held_periods using (partner_id, currency, plan_id, movement_kind, movement_id)

),

waiting_movements as (

    select
        partner_id,
        currency,
        plan_id,
        withheld_period,
        greatest(sum(amount), 0) as amount
    from held_and_posted
    group by partner_id, currency, plan_id, withheld_period, movement_kind, movement_id
    union all
    select
        partner_id,
        currency,
        plan_id,
        withheld_period,
        amount
    from wanted_parts
    where direction = 1

),

waiting_plans as (

    select
        partner_id,
        currency,
        plan_id,
        withheld_period,
        sum(amount) as amount
    from waiting_movements
    group by partner_id, currency, plan_id, withheld_period

),

wanted_so_far as (

    select
        *,
        sum(amount) over (
            partition by partner_id, currency, plan_id, withheld_period, direction
            order by movement_id asc, movement_kind asc
            rows between unbounded preceding and current row
        ) as amount_so_far
    from wanted_parts

),

left_for as (

    select
        wanted_so_far.*,
        coalesce(waiting_plans.amount, 0) + wanted_so_far.amount - wanted_so_far.amount_so_far as amount_left
    from wanted_so_far
    left join waiting_plans using (partner_id, currency, plan_id, withheld_period)

),

waiting_parts as (

    select
        line_id,
        case when direction = 1 then amount else -greatest(least(amount, amount_left), 0) end as amount
    from left_for

),

held_amounts as (

    select
        commission_lines.line_id,
        false as is_posted,
        case
            when commission_lines.waits or given_back.movement_id is not null then commission_lines.amount
            else waiting_parts.amount
        end as amount
    from commission_lines
    left join given_back using (partner_id, currency, movement_kind, movement_id)
    left join waiting_parts using (line_id)
    where commission_lines.waits or given_back.movement_id is not null or waiting_parts.line_id is not null
    union all
    select
        posted_lines.line_id,
        true as is_posted,
        posted_lines.amount
    from posted_lines
    left join standing using (line_id)
    left join given_back using (partner_id, currency, movement_kind, movement_id)
    where standing.line_id is not null or given_back.movement_id is not null

),

final as (

    select
        line_id,
        is_posted,
        cast(amount as {{ money() }}) as amount
    from held_amounts
    where amount <> 0

)

select * from final
