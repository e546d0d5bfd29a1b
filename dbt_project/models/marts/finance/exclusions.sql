with

buckets as (

    select * from {{ ref('int_movement_buckets') }}
    where partner_id is null

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}

),

orders as (

    select * from {{ ref('int_commission_orders') }}

),

-- Whom a reason kept from earning; what is tax or nobody's concerns no partner.
kept_back as (

    select
        movement_key,
        partner_id,
        case when is_without_rate then 'missing_fx_rate' else reason end as reason
    from bases
    where reason is not null or is_without_rate
    union all
    select
        movement_key,
        partner_id,
        'excluded_product' as reason
    from bases
    where
        reason is null
        and net_fine <> base_fine
    union all
    -- What is no revenue of the invoice would be its partners'.
    select
        movements.movement_key,
        orders.partner_id,
        buckets.reason
    from buckets
    inner join movements using (movement_key)
    inner join orders using (order_key)
    where
        buckets.reason in ('paid_from_credit', 'overpaid')
        and orders.reason is null

),

concerned as (

    select
        movement_key,
        reason,
        {{ texts_as_json('partner_id') }} as partner_ids
    from kept_back
    group by movement_key, reason

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
        cast(date_trunc('month', {{ local_day('movements.occurred_at', 'parameters.timezone') }}) as date) as month,
        concerned.partner_ids
    from buckets
    inner join movements using (movement_key)
    left join concerned using (movement_key, reason)
    cross join parameters
    group by
        movements.movement_kind,
        movements.movement_id,
        buckets.reason,
        movements.currency,
        movements.occurred_at,
        parameters.timezone,
        concerned.partner_ids
    having sum(buckets.amount) <> 0

)

select * from final
