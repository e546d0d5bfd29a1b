{# Each billing movement is commissionable or excluded, to the last minor unit. #}
with

movements as (

    select * from {{ ref('int_billing_movements') }}

),

buckets as (

    select * from {{ ref('int_movement_buckets') }}

),

parts as (

    select
        movement_key,
        sum(amount) as amount
    from buckets
    group by movement_key

)

select
    movements.movement_kind,
    movements.movement_id,
    movements.amount,
    parts.amount as parts_amount
from movements
left join parts using (movement_key)
where movements.amount <> coalesce(parts.amount, 0)
