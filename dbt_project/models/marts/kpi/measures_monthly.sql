with

measures as (

    select * from {{ ref('int_kpi_measures') }}

),

final as (

    select
        period_start as month,
        dimension,
        dimension_value,
        measure,
        cast(amount as {{ exact() }}) as amount,
        cast(entities as bigint) as entities,
        cast(unconverted as bigint) as unconverted_count
    from measures
    where grain = 'month'

)

select * from final
