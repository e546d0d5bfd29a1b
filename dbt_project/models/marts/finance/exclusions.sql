with

buckets as (

    select * from {{ ref('int_movement_buckets') }}
    where partner_id is null

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

final as (

    select
        movements.movement_kind,
        movements.movement_id,
        buckets.reason,
        cast(sum(buckets.amount) as {{ money() }}) as amount,
        coalesce(movements.currency, 'XXX') as currency,
        cast(date_trunc('month', {{ local_day('movements.occurred_at', 'parameters.timezone') }}) as date) as month
    from buckets
    inner join movements using (movement_key)
    cross join parameters
    group by
        movements.movement_kind,
        movements.movement_id,
        buckets.reason,
        movements.currency,
        movements.occurred_at,
        parameters.timezone
    having sum(buckets.amount) <> 0

)

select * from final
