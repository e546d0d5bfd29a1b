with

conversions as (

    select * from {{ ref('int_conversions') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

minor_units as (

    select
        conversions.conversion_key,
        conversions.conversion_kind,
        conversions.conversion_id,
        conversions.account_id,
        conversions.amount,
        conversions.reporting_rate,
        conversions.mills_per_part as amount_mills_per_part,
        conversions.currency = conversions.reporting_currency as is_reporting_currency,
        conversions.reporting_currency,
        conversions.converted_at,
        conversions.month,
        coalesce(currencies.minor_unit, 2) as minor_unit
    from conversions
    left join currencies on conversions.reporting_currency = currencies.currency

),

rounded as (

    select
        *,
        {{ mills_per_minor_unit('minor_unit') }} as mills_per_part,
        case
            -- The very amount, which is most of them and needs no arithmetic.
            when is_reporting_currency and amount_mills_per_part = {{ mills_per_minor_unit('minor_unit') }}
                then cast(amount as {{ money_total() }})
            else {{ reporting_money('coalesce(amount * reporting_rate, 0)', 'minor_unit') }}
        end as revenue
    from minor_units

),

final as (

    select
        conversion_key,
        conversion_kind,
        conversion_id,
        account_id,
        reporting_currency as currency,
        revenue,
        case when revenue < 0 then -mills_per_part else mills_per_part end as mills_per_part,
        {{ whole_quotient('abs(' ~ total_to_mills('revenue') ~ ')', 'mills_per_part') }} as revenue_parts,
        is_reporting_currency and amount = revenue as is_as_credited,
        reporting_rate is null as is_without_rate,
        converted_at,
        month
    from rounded

)

select * from final
