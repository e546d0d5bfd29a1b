with

credits as (

    select * from {{ ref('credits') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

final as (

    select
        credits.month,
        credits.model,
        credits.partner_id,
        cast(sum(credits.credit) as decimal(28, 12)) as conversions,
        {{ round_to_minor_unit(
            'coalesce(sum(credits.amount * conversions.reporting_rate), 0)', 'max(currencies.minor_unit)'
        ) }} as revenue,
        conversions.reporting_currency as currency,
        cast(
            sum(case when credits.conversion_kind = 'deal' then credits.credit else 0 end) as decimal(28, 12)
        ) as deals,
        cast(
            sum(case when credits.conversion_kind = 'lead' then credits.credit else 0 end) as decimal(28, 12)
        ) as leads,
        count(
            distinct case when conversions.reporting_rate is null then conversions.conversion_id end
        ) as conversions_without_rate
    from credits
    inner join conversions
        on
            credits.conversion_kind = conversions.conversion_kind
            and credits.conversion_id = conversions.conversion_id
    left join currencies on conversions.reporting_currency = currencies.currency
    where credits.partner_id is not null
    group by credits.month, credits.model, credits.partner_id, conversions.reporting_currency

)

select * from final
