with

landed as (

    select * from {{ source('files', 'contacts') }}

),

latest as (

    {{ latest_by_key('landed', 'contact_id') }}

),

final as (

    select
        contact_id,
        customer_id,
        email,
        created_at,
        _load_id,
        _row
    from latest

)

select * from final
