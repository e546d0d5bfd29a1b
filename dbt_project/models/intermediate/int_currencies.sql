with

currencies as (

    select * from {{ ref('currencies') }}

),

final as (

    select
        currency,
        minor_unit
    from currencies

)

select * from final
