with

landing as (

    select * from {{ ref('stg_ops__quarantine') }}

),

warehouse as (

    select * from {{ ref('int_record_conflicts') }}

),

final as (

    select
        'landing' as stage,
        load_id,
        source,
        object,
        file,
        {{ line_in_file('file', 'row') }} as line,
        record_key,
        field,
        reason,
        'set_aside' as disposition
    from landing
    union all
    select
        'warehouse' as stage,
        load_id,
        source,
        object,
        file,
        {{ line_in_file('file', 'row') }} as line,
        record_key,
        field,
        reason,
        disposition
    from warehouse

)

select * from final
order by source, object, load_id, line, record_key, field
