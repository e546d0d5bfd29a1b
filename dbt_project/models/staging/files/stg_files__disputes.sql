with

landed as (

    select * from {{ source('files', 'disputes') }}

),

latest as (

    {{ latest_by_key('landed', 'dispute_id') }}

),

final as (

    select
        dispute_id,
        payment_id,
        status,
        opened_at,
        closed_at,
        _load_id,
        _row
    from latest

)

select * from final
