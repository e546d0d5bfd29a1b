with

bonuses as (

    {{ plan_rows('commission_bonuses') }}

),

final as (

    select
        trim(plan_id) as plan_id,
        cast(trim(version) as integer) as plan_version,
        trim(metric) as metric,
        cast(trim(threshold) as {{ money() }}) as threshold,
        trim(kind) as kind,
        cast(trim(value) as decimal(18, 8)) as value
    from bonuses

)

select * from final
