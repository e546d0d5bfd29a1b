with

holds as (

    select * from {{ ref('int_holds') }}

),

partners as (

    select * from {{ ref('int_partners') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

final as (

    select
        holds.partner_id,
        true as is_hold,
        min(holds.reason) as reason
    from holds
    cross join parameters
    where
        holds.movement_id is null
        and holds.placed_at <= parameters.as_of
        and (holds.released_at is null or holds.released_at > parameters.as_of)
    group by holds.partner_id
    union all
    select
        partner_id,
        false as is_hold,
        'partner_suspended' as reason
    from partners
    where lower(status) = 'suspended'

)

select * from final
