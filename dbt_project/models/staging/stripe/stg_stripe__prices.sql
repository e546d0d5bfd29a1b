with

landed as (

    select * from {{ source('stripe', 'price') }}

),

typed as (

    select
        {{ text('id') }} as price_id,
        {{ text('product') }} as product_id,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'price_id', version=none, deleted=none) }}

),

final as (

    select
        price_id,
        product_id,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
