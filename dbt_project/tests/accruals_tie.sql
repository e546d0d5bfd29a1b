{# Per currency: what all months accrued is the entitlement, what they released is what was approved. #}
with

accruals as (

    select * from {{ ref('accruals') }}

),

commission_lines as (

    select * from {{ ref('commission_lines') }}

),

approved_payout_lines as (

    select * from {{ ref('approved_payout_lines') }}

),

accrued as (

    select
        currency,
        sum(earned + adjustments) as accrued,
        sum(released) as released
    from accruals
    group by currency

),

entitled as (

    select
        currency,
        sum(coalesce(amount, 0)) as amount
    from commission_lines
    group by currency

),

posted as (

    select
        currency,
        sum(amount) as amount
    from approved_payout_lines
    group by currency

)

select
    currency,
    accrued.accrued,
    entitled.amount as entitled,
    accrued.released,
    posted.amount as posted
from accrued
full join entitled using (currency)
full join posted using (currency)
where
    coalesce(accrued.accrued, 0) <> coalesce(entitled.amount, 0)
    or coalesce(accrued.released, 0) <> coalesce(posted.amount, 0)
