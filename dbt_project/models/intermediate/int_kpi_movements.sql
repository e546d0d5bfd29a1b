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

    select * from {{ ref('int_kpi_parameters') }}

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

-- The customer's first movement that brought money.
first_payments as (

    {% call first_of_each('customer_id', 'occurred_at, movement_key') %}
    select movement_key
    from dated
    where net_collected > 0 and customer_id is not null
    {% endcall %}

),

final as (

    select
        dated.movement_key,
        dated.movement_kind,
        dated.movement_id,
        dated.customer_id,
        customers.country,
        customers.segment,
        dated.occurred_at,
        dated.occurred_on,
        dated.currency,
        cast(dated.net_collected as {{ money() }}) as net_collected,
        {{ converted('dated.net_collected', 'rates.rate') }} as reporting_amount,
        first_payments.movement_key is not null as is_first_payment
    from dated
    cross join parameters
    left join first_payments on dated.movement_key = first_payments.movement_key
    left join customers on dated.customer_id = customers.customer_id
    left join rates
        on
            dated.occurred_on = rates.rate_date
            and dated.currency = rates.from_currency
            and parameters.reporting_currency = rates.to_currency

)

select * from final
