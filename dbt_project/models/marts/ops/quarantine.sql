with

landing as (

    select * from {{ ref('stg_ops__quarantine') }}

),

final as (

    select
        'landing' as stage,
        load_id,
        source,
        object,
        file,
        line,
        record_key,
        field,
        reason,
        'set_aside' as disposition
    from landing

)

select * from final
order by source, object, load_id, line, record_key, field
