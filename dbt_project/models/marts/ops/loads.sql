with

loads as (

    select * from {{ ref('stg_ops__loads') }}

),

final as (

    select
        load_id,
        source,
        object,
        loaded_at,
        received,
        landed,
        quarantined,
        duplicates,
        cursor_from,
        cursor_to,
        undeclared,
        bytes,
        warnings
    from loads

)

select * from final
order by loaded_at, load_id, source, object
