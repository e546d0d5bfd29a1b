with

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

final as (

    select
        {{ local_day('parameters.as_of', 'parameters.timezone') }} as as_of_on,
        parameters.reporting_currency,
        coalesce(currencies.minor_unit, 2) as minor_unit
    from parameters
    left join currencies on parameters.reporting_currency = currencies.currency

)

select * from final
