with

bonuses as (

    select * from {{ ref('int_commission_bonuses') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

held_bases as (

    select * from {{ ref('int_held_bases') }}

),

drops as (

    select * from bonuses
    where direction = -1

),

-- Bonuses that a held payment reaches, and what loses them: they are in its line, which waits.
reached as (

    select
        bonuses.bonus_key,
        bonuses.base_key,
        bonuses.partner_id,
        bonuses.plan_id,
        bonuses.plan_currency,
        bonuses.metric,
        bonuses.period,
        held_bases.reason,
        min(drops.base_key) as drop_key
    from bonuses
    inner join held_bases using (base_key)
    left join drops
        on
            bonuses.bonus_key = drops.bonus_key
            and bonuses.base_key < drops.base_key
    where bonuses.direction = 1 and held_bases.movement_key = held_bases.payment_key
    group by {{ first_columns(8) }}

),

-- The free payments of their periods that were there before, and what they brought and lost.
rewarded as (

    select
        reached.bonus_key,
        reached.base_key as reached_key,
        reached.drop_key,
        reached.reason,
        bases.base_key,
        bases.plan_fine
    from reached
    inner join bases
        on
            reached.partner_id = bases.partner_id
            and reached.plan_id = bases.plan_id
            and reached.plan_currency = bases.plan_currency
            and reached.period = {{ bonus_period('reached.metric', 'bases.paid_on') }}
    inner join bases as first_bases
        on
            bases.payment_key = first_bases.payment_key
            and bases.payment_key = first_bases.movement_key
            and bases.partner_id = first_bases.partner_id
            and reached.base_key > first_bases.base_key
    left join held_bases on bases.base_key = held_bases.base_key
    where held_bases.base_key is null

),

-- What they lose of a rate, movement by movement; what is left of it is lost with the threshold, and a flat one is.
parts as (

    select
        bonuses.base_key,
        bonuses.slice,
        rewarded.reason,
        rewarded.plan_fine as base_fine,
        rewarded.plan_fine * {{ to_units('bonuses.rate', 8) }} as exact_e20
    from rewarded
    inner join bonuses
        on
            rewarded.bonus_key = bonuses.bonus_key
            and rewarded.base_key = bonuses.base_key
    where
        bonuses.direction = 0
        and rewarded.plan_fine < 0
        and rewarded.base_key > rewarded.reached_key
        and (rewarded.drop_key is null or rewarded.base_key < rewarded.drop_key)
    union all
    select
        drops.base_key,
        drops.slice,
        min(rewarded.reason) as reason,
        -cast(sum(rewarded.plan_fine) as {{ wide_integer() }}) as base_fine,
        -cast(sum(rewarded.plan_fine) as {{ wide_integer() }}) * max({{ to_units('drops.rate', 8) }}) as exact_e20
    from rewarded
    inner join drops
        on
            rewarded.bonus_key = drops.bonus_key
            and rewarded.drop_key = drops.base_key
            and rewarded.base_key < drops.base_key
    where drops.rate is not null
    group by drops.base_key, drops.slice
    union all
    select
        drops.base_key,
        drops.slice,
        reached.reason,
        0 as base_fine,
        drops.exact_e20
    from reached
    inner join drops
        on
            reached.bonus_key = drops.bonus_key
            and reached.drop_key = drops.base_key
    where drops.rate is null

),

final as (

    select
        base_key,
        'bonus' as component,
        slice,
        reason,
        base_fine,
        exact_e20
    from parts
    where exact_e20 < 0

)

select * from final
