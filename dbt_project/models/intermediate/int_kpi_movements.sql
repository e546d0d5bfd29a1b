with

movements as (

    select * from {{ ref('int_billing_movements') }}

),

customers as (

    select * from {{ ref('int_customers') }}

),

rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

dated as (

    select
        movement_kind || ':' || movement_id as movement_key,
        movement_kind,
        movement_id,
        customer_id,
        currency,
        net_collected,
        occurred_at,
        {{ report_day('occurred_at') }} as occurred_on
    from movements
    where occurred_at is not null

),

ranked as (

    select
        *,
        case
            when net_collected > 0
                then row_number() over (
                    partition by customer_id, net_collected > 0 order by occurred_at, movement_key
                )
        end as payment_number
    from dated

),

final as (

    select
        ranked.movement_key,
        ranked.movement_kind,
        ranked.movement_id,
        ranked.customer_id,
        customers.country,
        customers.segment,
        ranked.occurred_at,
        ranked.occurred_on,
        ranked.currency,
        cast(ranked.net_collected as {{ money() }}) as net_collected,
        cast(cast(ranked.net_collected as {{ exact() }}) * rates.rate as {{ exact() }}) as reporting_amount,
        coalesce(ranked.customer_id is not null and ranked.payment_number = 1, false) as is_first_payment
    from ranked
    cross join parameters
    left join customers on ranked.customer_id = customers.customer_id
    left join rates
        on
            ranked.occurred_on = rates.rate_date
            and ranked.currency = rates.from_currency
            and parameters.reporting_currency = rates.to_currency

)

select * from final
