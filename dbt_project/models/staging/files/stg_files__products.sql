with

landed as (

    select * from {{ source('files', 'products') }}

),

latest as (

    {{ latest_by_key('landed', 'product_id') }}

),

final as (

    select
        product_id,
        name,
        family,
        _load_id,
        _row
    from latest

)

select * from final
