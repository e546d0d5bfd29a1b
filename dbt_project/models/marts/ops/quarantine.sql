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

lines as (

    select * from {{ ref('stg_ops__lines') }}

),

-- Small files are landed together: a record's place in its file is that in the load, less what came before the file.
files as (

    select
        load_id,
        source,
        object,
        {{ each_placed('files', 'place', 'file') }}
    from loads
    where {{ set_size('files') }} > 1

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

conflicts as (

    select
        warehouse.load_id,
        warehouse.source,
        warehouse.object,
        warehouse.file,
        warehouse.row - coalesce(starts.records_before, 0) as record,
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

),

conflicting_files as (

    select distinct
        load_id,
        source,
        object,
        file
    from conflicts

),

records as (

    select
        *,
        cast(0 as bigint) as moved
    from conflicts
    union all
    select
        lines.load_id,
        lines.source,
        lines.object,
        lines.file,
        lines.record,
        null as record_key,
        null as field,
        null as reason,
        null as disposition,
        lines.moved
    from lines
    inner join conflicting_files using (load_id, source, object, file)

),

-- Empty lines, and line breaks in values, move all that follows down, never up.
placed as (

    select
        *,
        max(moved) over (partition by load_id, source, object, file order by record) as moved_down
    from records

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
        cast({{ line_in_file('file', 'record + moved_down') }} as bigint) as line,
        record_key,
        field,
        reason,
        disposition
    from placed
    where disposition is not null

)

select * from final
order by source, object, load_id, file, line, record_key, field
