with

postings as (

    select * from {{ ref('int_posted_lines') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

fx_rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

movements as (

    select * from {{ ref('int_billing_movements') }}
    where movement_kind = 'payment'

),

-- What was posted while the warehouse was built decides the next build: all that decides an amount is of one instant.
posted_lines as (

    select postings.*
    from postings
    cross join parameters
    where
        postings.component = 'percentage'
        and postings.movement_kind = 'payment'
        and postings.base_currency <> postings.currency
        and postings._loaded_at <= parameters.known_at

),

-- A posting that reverses a line has the rate of the line that fell away.
standing as (

    select
        commission_line_id,
        partner_id,
        currency
    from posted_lines
    group by commission_line_id, partner_id, currency
    having sum(amount) <> 0

),

withdrawn as (

    select
        posted_lines.*,
        row_number() over (
            partition by
                posted_lines.movement_id, posted_lines.base_currency, posted_lines.currency, posted_lines.earned_on
            order by
                case when standing.commission_line_id is null then 1 else 0 end asc,
                posted_lines.period desc,
                posted_lines.line_id asc
        ) as posting_rank
    from posted_lines
    left join standing
        on
            posted_lines.commission_line_id = standing.commission_line_id
            and posted_lines.partner_id = standing.partner_id
            and posted_lines.currency = standing.currency
    left join fx_rates
        on
            posted_lines.base_currency = fx_rates.from_currency
            and posted_lines.currency = fx_rates.to_currency
            and posted_lines.earned_on = fx_rates.rate_date
    -- A quote that is left and is older than the one that was posted took its place.
    where
        posted_lines.fx_rate is not null
        and (fx_rates.rate is null or fx_rates.quoted_on < posted_lines.fx_date)

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
