with

landing as (

    select * from {{ ref('stg_ops__quarantine') }}

),

warehouse as (

    select * from {{ ref('int_record_conflicts') }}

),

loads as (

    select * from {{ ref('stg_ops__loads') }}

),

-- Small files are landed together: a record's place in its file is that in the load, less what came before the file.
files as (

    select
        load_id,
        source,
        object,
        unnest(range(len(files))) as place,
        unnest(files) as file
    from loads
    where len(files) > 1

),

starts as (

    select
        load_id,
        source,
        object,
        file.name as file,
        sum(file.records) over (partition by source, object, load_id order by place) - file.records as records_before
    from files

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
        warehouse.load_id,
        warehouse.source,
        warehouse.object,
        warehouse.file,
        cast(
            {{ line_in_file('warehouse.file', 'warehouse.row') }} - coalesce(starts.records_before, 0) as bigint
        ) as line,
        warehouse.record_key,
        warehouse.field,
        warehouse.reason,
        warehouse.disposition
    from warehouse
    left join starts
        on
            warehouse.load_id = starts.load_id
            and warehouse.source = starts.source
            and warehouse.object = starts.object
            and warehouse.file = starts.file

)

select * from final
order by source, object, load_id, file, line, record_key, field
