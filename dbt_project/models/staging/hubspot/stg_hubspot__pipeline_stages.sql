with

landed as (

    select * from {{ source('hubspot', 'pipelines') }}

),

typed as (

    select
        {{ text('key') }} as pipeline_key,
        {{ text('object_type') }} as object_type,
        {{ text('id') }} as pipeline_id,
        stages,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'pipeline_key', version=none, deleted='archived') }}

),

elements as (

    select
        pipeline_key,
        object_type,
        pipeline_id,
        {{ json_elements('stages', '$') }} as stage,
        _load_id,
        _file,
        _row
    from versions

),

final as (

    select
        pipeline_key || ':' || {{ json_text('stage', '$.id') }} as stage_key,
        pipeline_key,
        object_type,
        pipeline_id,
        {{ json_text('stage', '$.id') }} as stage_id,
        {{ json_text('stage', '$.label') }} as label,
        {{ json_integer('stage', '$.displayOrder') }} as display_order,
        coalesce(
            lower({{ json_text('stage', '$.metadata.isClosed') }}) = 'true',
            upper({{ json_text('stage', '$.metadata.ticketState') }}) = 'CLOSED',
            false
        ) as is_closed,
        _load_id,
        _file,
        _row
    from elements

)

select * from final
