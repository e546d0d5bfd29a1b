with

rates as (

    {{ plan_rows('commission_rates') }}

),

final as (

    select
        trim(plan_id) as plan_id,
        cast(trim(version) as integer) as plan_version,
        trim(component) as component,
        coalesce(cast(nullif(trim(from_value), '') as {{ money() }}), 0) as from_value,
        cast(nullif(trim(to_value), '') as {{ money() }}) as to_value,
        cast(nullif(trim(rate), '') as decimal(18, 8)) as rate,
        cast(nullif(trim(fee), '') as {{ money() }}) as fee,
        nullif(trim(tier), '') as tier
    from rates

)

select * from final
