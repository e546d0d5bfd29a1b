with

exclusions as (

    {{ plan_rows('commission_exclusions') }}

),

final as (

    select
        trim(plan_id) as plan_id,
        cast(trim(version) as integer) as plan_version,
        trim(product_id) as product_id
    from exclusions

)

select * from final
