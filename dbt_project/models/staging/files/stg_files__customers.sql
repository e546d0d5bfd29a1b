with

landed as (

    select * from {{ source('files', 'customers') }}

),

latest as (

    {{ latest_by_key('landed', 'customer_id') }}

),

final as (

    select
        customer_id,
        name,
        country,
        segment,
        created_at,
        _load_id,
        _row
    from latest

)

select * from final
