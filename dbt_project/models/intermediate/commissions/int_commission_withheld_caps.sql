with

caps as (

    select * from {{ ref('int_commission_caps') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}

),

held_bases as (

    select * from {{ ref('int_held_bases') }}

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

dated as (

    select
        caps.*,
        coalesce(movements.movement_kind, 'deal') as movement_kind,
        held_bases.reason
    from caps
    left join bases on caps.base_key = bases.base_key
    left join movements on bases.movement_key = movements.movement_key
    left join held_bases on caps.base_key = held_bases.base_key

),

-- What a month's payments and deals had above the cap, in their order.
above as (

    select
        *,
        -sum(amount) over month_so_far as above_so_far
    from dated
    where amount < 0 and movement_kind in ('payment', 'deal')
    window
        month_so_far as (
            partition by partner_id, plan_id, plan_currency, month order by month_number
            rows between unbounded preceding and current row
        )

),

-- A loss makes room below the cap, which is theirs in the same order.
rooms as (

    select
        *,
        sum(amount) over month_so_far as room_so_far
    from dated
    where amount > 0 and movement_kind not in ('payment', 'deal')
    window
        month_so_far as (
            partition by partner_id, plan_id, plan_currency, month order by month_number
            rows between unbounded preceding and current row
        )

),

shares as (

    select
        rooms.base_key,
        above.reason,
        greatest(least(rooms.room_so_far - above.above_so_far - above.amount, -above.amount), 0)
        - greatest(least(rooms.room_so_far - rooms.amount - above.above_so_far - above.amount, -above.amount), 0)
            as amount
    from rooms
    inner join above
        on
            rooms.partner_id = above.partner_id
            and rooms.plan_id = above.plan_id
            and rooms.plan_currency = above.plan_currency
            and rooms.month = above.month
    where above.reason is not null and rooms.reason is null

),

withheld as (

    select
        base_key,
        min(reason) as reason,
        sum(amount) as amount
    from shares
    where amount > 0
    group by base_key

),

final as (

    select
        base_key,
        'cap' as component,
        cast(null as {{ text_type() }}) as slice,
        reason,
        {{ to_units('amount', 3) }} * {{ 10 ** 17 }} as exact_e20
    from withheld

)

select * from final
