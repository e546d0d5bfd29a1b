with

rates as (

    select * from {{ ref('stg_plans__rates') }}

),

percentages as (

    select
        plan_id,
        plan_version,
        min(from_value) as first_value,
        max(to_value) as last_value,
        max(case when to_value is null then 1 else 0 end) as is_open
    from rates
    where component = 'percentage'
    group by plan_id, plan_version

),

-- Revenue below the first tier or above a closed last one earns nothing; it still has a line that says so.
complete as (

    select
        plan_id,
        plan_version,
        component,
        from_value,
        to_value,
        rate,
        fee,
        tier
    from rates
    union all
    select
        plan_id,
        plan_version,
        'percentage' as component,
        0 as from_value,
        first_value as to_value,
        0 as rate,
        null as fee,
        null as tier
    from percentages
    where first_value > 0
    union all
    select
        plan_id,
        plan_version,
        'percentage' as component,
        last_value as from_value,
        null as to_value,
        0 as rate,
        null as fee,
        null as tier
    from percentages
    where is_open = 0

),

final as (

    select
        plan_id,
        plan_version,
        component,
        cast(row_number() over plan_component as integer) as tier_number,
        tier,
        from_value,
        to_value,
        rate,
        fee,
        {{ to_units('from_value', 12) }} as from_fine,
        coalesce({{ to_units('to_value', 12) }}, cast({{ 10 ** 36 }} as {{ wide_integer() }})) as to_fine,
        {{ to_units('rate', 8) }} as rate_units
    from complete
    window plan_component as (partition by plan_id, plan_version, component order by from_value)

)

select * from final
