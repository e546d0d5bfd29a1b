with

landed as (

    select * from {{ source('stripe', 'product') }}

),

typed as (

    select
        {{ text('id') }} as product_id,
        {{ text('salesforce_product_id') }} as salesforce_product_id,
        {{ text('name') }} as name,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'product_id', version=none, deleted=none) }}

),

final as (

    select
        product_id,
        salesforce_product_id,
        name,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
