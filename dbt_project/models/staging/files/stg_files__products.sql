with

landed as (

    select * from {{ source('files', 'products') }}

),

typed as (

    select
        {{ text('product_id') }} as product_id,
        {{ text('name') }} as name,
        {{ text('family') }} as family,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'product_id') }}

),

final as (

    select
        product_id,
        name,
        family,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
