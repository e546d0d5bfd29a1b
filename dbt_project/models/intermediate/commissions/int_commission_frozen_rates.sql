with

posted_lines as (

    select * from {{ ref('stg_ledger__payout_lines') }}
    where
        component = 'percentage'
        and movement_kind = 'payment'
        and base_currency <> currency

),

fx_rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

movements as (

    select * from {{ ref('int_billing_movements') }}
    where movement_kind = 'payment'

),

withdrawn as (

    select
        posted_lines.*,
        row_number() over (
            partition by
                posted_lines.movement_id, posted_lines.base_currency, posted_lines.currency, posted_lines.earned_on
            order by posted_lines.period desc, posted_lines.line_id asc
        ) as posting_rank
    from posted_lines
    left join fx_rates
        on
            posted_lines.base_currency = fx_rates.from_currency
            and posted_lines.currency = fx_rates.to_currency
            and posted_lines.earned_on = fx_rates.rate_date
    where fx_rates.rate is null and posted_lines.fx_rate is not null

),

final as (

    select
        movements.movement_key as payment_key,
        withdrawn.base_currency as from_currency,
        withdrawn.currency as to_currency,
        withdrawn.earned_on as rate_date,
        withdrawn.fx_rate as rate,
        withdrawn.fx_date as quoted_on
    from withdrawn
    inner join movements on withdrawn.movement_id = movements.movement_id
    where withdrawn.posting_rank = 1

)

select * from final
