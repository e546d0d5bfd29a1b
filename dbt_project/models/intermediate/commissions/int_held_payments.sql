with

holds as (

    select * from {{ ref('int_holds') }}

),

disputes as (

    select * from {{ ref('int_disputes') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

causes as (

    select
        holds.partner_id,
        holds.movement_id as payment_id,
        holds.reason,
        true as is_hold
    from holds
    cross join parameters
    where
        holds.movement_id is not null
        and holds.placed_at <= parameters.as_of
        and (holds.released_at is null or holds.released_at > parameters.as_of)
    union all
    select
        null as partner_id,
        disputes.payment_id,
        'open_dispute' as reason,
        false as is_hold
    from disputes
    cross join parameters
    where
        disputes.opened_at <= parameters.as_of
        and (
            disputes.status = 'open'
            or (disputes.closed_at is not null and disputes.closed_at > parameters.as_of)
        )

),

final as (

    select
        partner_id,
        payment_id,
        is_hold,
        min(reason) as reason
    from causes
    group by partner_id, payment_id, is_hold

)

select * from final
