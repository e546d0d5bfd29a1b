with

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

periods as (

    select * from {{ ref('int_kpi_periods') }}

),

first_day as (

    select min(period_start) as day
    from periods
    where grain = 'month'

),

days as (

    select {{ each_day('first_day.day', 'parameters.as_of_on') }} as day
    from first_day
    cross join parameters

),

final as (

    select
        day,
        {{ period_start("'week'", 'day') }} as week,
        {{ period_start("'month'", 'day') }} as month,
        {{ period_start("'quarter'", 'day') }} as quarter,
        {{ period_start("'year'", 'day') }} as year
    from days

)

select * from final
