with

quotes as (

    select * from {{ ref('int_fx_rates') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

-- Two quotes of one pair on one day: the one that arrived last counts; int_record_conflicts tells of the other.
ranked as (

    select
        rate_date,
        from_currency,
        to_currency,
        rate,
        row_number() over (
            partition by rate_date, from_currency, to_currency
            order by _load_id desc, _row desc
        ) as arrival
    from quotes

),

spans as (

    select
        from_currency,
        to_currency,
        rate,
        rate_date as quoted_on,
        lead(rate_date) over (partition by from_currency, to_currency order by rate_date) as next_quoted_on
    from ranked
    where arrival = 1

),

-- A quote is good on its day and for as many days after as the run allows, unless a newer one takes over.
quoted as (

    select
        {{ each_day(
            'quoted_on',
            'least(
                ' ~ days_after('quoted_on', 'parameters.fx_lookback_days') ~ ',
                coalesce(' ~ days_after('next_quoted_on', '-1') ~ ", date '9999-12-31')
            )"
        ) }} as rate_date,
        spans.from_currency,
        spans.to_currency,
        spans.rate,
        spans.quoted_on
    from spans
    cross join parameters

),

days_in_use as (

    select
        {{ utc_day('paid_at') }} as day,
        currency
    from {{ ref('int_payments') }}
    union all
    select
        {{ utc_day('issued_at') }} as day,
        currency
    from {{ ref('int_invoices') }}
    union all
    select
        {{ utc_day('coalesce(closed_at, created_at)') }} as day,
        currency
    from {{ ref('int_deals') }}
    union all
    select
        month,
        currency
    from {{ ref('int_costs') }}
    union all
    select
        month,
        currency
    from {{ ref('int_market_sizes') }}
    union all
    select
        rate_date,
        from_currency
    from quotes
    union all
    select
        rate_date,
        to_currency
    from quotes
    union all
    select
        {{ utc_day('as_of') }} as day,
        reporting_currency
    from parameters

),

currencies_in_use as (

    select distinct currency
    from days_in_use
    where currency is not null

),

-- A day on either side, because a programme's time zone can move an instant to the day before or after.
calendar as (

    select
        {{ each_day(days_after('min(days_in_use.day)', '-1'), days_after('max(days_in_use.day)', '1')) }} as rate_date
    from days_in_use

),

unity as (

    select
        calendar.rate_date,
        currencies_in_use.currency as from_currency,
        currencies_in_use.currency as to_currency,
        cast(1 as {{ exact() }}) as rate,
        calendar.rate_date as quoted_on
    from calendar
    cross join currencies_in_use

),

final as (

    select
        rate_date,
        from_currency,
        to_currency,
        rate,
        quoted_on
    from quoted
    union all
    select
        rate_date,
        from_currency,
        to_currency,
        rate,
        quoted_on
    from unity

)

select * from final
