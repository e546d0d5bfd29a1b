{#- Reports go back fifty years at most. -#}
{%- set oldest_day = months_after('parameters.as_of_on', -600) -%}

with

facts as (

    select * from {{ ref('int_kpi_facts') }}

),

activity as (

    select * from {{ ref('int_partner_activity_spans') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

-- Markets have a size, and partners signed long ago were onboarded, in years of which the company reports nothing. A
-- partner is active by a registration or a touch too, which are no facts of their own.
first_days as (

    select min(occurred_on) as first_on
    from facts
    where measure not in ('market_size', 'onboarding')
    union all
    select min(active_from) as first_on
    from activity

),

first_fact as (

    select min(first_on) as first_on
    from first_days

),

-- A lead of the year 26 is a slip of the pen, and would ask for two thousand years of days.
reported as (

    select
        case
            when first_fact.first_on < {{ oldest_day }} then {{ oldest_day }}
            else first_fact.first_on
        end as first_on,
        parameters.as_of_on
    from first_fact
    cross join parameters

),

days as (

    select {{ each_day('reported.first_on', 'reported.as_of_on') }} as day
    from reported

),

grains as (

    select {{ each_of(words(['day', 'week', 'month', 'quarter', 'year'])) }} as grain

),

starts as (

    select distinct
        grains.grain,
        {{ period_start('grains.grain', 'days.day') }} as period_start
    from grains
    cross join days

),

bounds as (

    select
        starts.grain,
        starts.period_start,
        {{ next_period_start('starts.grain', 'starts.period_start') }} as period_end,
        {{ next_period_start('starts.grain', 'starts.period_start', -1) }} as previous_start,
        parameters.as_of_on
    from starts
    cross join parameters

),

final as (

    select
        grain,
        period_start,
        period_end,
        previous_start,
        least(period_end, {{ days_after('as_of_on', 1) }}) as known_until,
        {{ months_after('least(period_end, ' ~ days_after('as_of_on', 1) ~ ')', -12) }} as year_before,
        period_end <= as_of_on as is_closed
    from bounds

)

select * from final
