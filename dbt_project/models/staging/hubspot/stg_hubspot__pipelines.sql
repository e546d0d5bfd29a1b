with

landed as (

    select * from {{ source('hubspot', 'pipelines') }}

),

typed as (

    select
        {{ text('key') }} as pipeline_key,
        {{ text('object_type') }} as object_type,
        {{ text('id') }} as pipeline_id,
        {{ text('label') }} as label,
        createdAt as created_at,
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

final as (

    select
        pipeline_key,
        object_type,
        pipeline_id,
        label,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
