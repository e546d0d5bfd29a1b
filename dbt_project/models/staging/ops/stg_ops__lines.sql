with

lines as (

    select * from {{ source('landing', 'lines') }}

),

final as (

    select
        load_id,
        source,
        object,
        file,
        record,
        moved
    from lines

)

select * from final
