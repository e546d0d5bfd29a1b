{# The bases of a movement's percentage lines sum to what is commissionable of it, for each partner. #}
with

entitlement as (

    select * from {{ ref('int_commission_entitlement') }}

),

buckets as (

    select * from {{ ref('int_movement_buckets') }}

),

line_bases as (

    select
        movement_key,
        partner_id,
        sum(base_amount) as amount
    from entitlement
    where component = 'percentage' and amount is not null
    group by movement_key, partner_id

),

commissionable as (

    select
        movement_key,
        partner_id,
        amount
    from buckets
    where partner_id is not null

)

select
    movement_key,
    partner_id,
    line_bases.amount,
    commissionable.amount as commissionable
from line_bases
full join commissionable using (movement_key, partner_id)
where coalesce(line_bases.amount, 0) <> coalesce(commissionable.amount, 0)
