with

movements as (

    select * from {{ ref('int_billing_movements') }}

),

earning as (

    select * from {{ ref('int_movement_buckets') }}
    where partner_id is not null

),

exclusions as (

    select * from {{ ref('exclusions') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

commissionable as (

    select
        movement_key,
        sum(amount) as amount
    from earning
    group by movement_key

),

placed as (

    select
        cast(date_trunc('month', {{ local_day('movements.occurred_at', 'parameters.timezone') }}) as date) as month,
        coalesce(movements.currency, 'XXX') as currency,
        movements.amount as billed,
        coalesce(commissionable.amount, 0) as commissionable
    from movements
    cross join parameters
    left join commissionable using (movement_key)

),

billed as (

    select
        month,
        currency,
        sum(billed) as billed,
        sum(commissionable) as commissionable
    from placed
    group by month, currency

),

excluded as (

    select
        month,
        currency,
        sum(amount) as excluded
    from exclusions
    group by month, currency

),

final as (

    select
        billed.month,
        billed.currency,
        cast(billed.billed as {{ money_total() }}) as billed,
        cast(billed.commissionable as {{ money_total() }}) as commissionable,
        cast(coalesce(excluded.excluded, 0) as {{ money_total() }}) as excluded,
        cast(
            billed.billed - billed.commissionable - coalesce(excluded.excluded, 0) as {{ money_total() }}
        ) as difference
    from billed
    left join excluded using (month, currency)

)

select * from final
