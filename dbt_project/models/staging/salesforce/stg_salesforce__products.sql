with

landed as (

    select * from {{ source('salesforce', 'Product2') }}

),

typed as (

    select
        {{ text('Id') }} as product_id,
        {{ text('Name') }} as name,
        {{ text('Family') }} as family,
        {{ text('ProductCode') }} as product_code,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'product_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        product_id,
        name,
        family,
        product_code,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
