with

landed as (

    select * from {{ source('files', 'activity_responses') }}

),

latest as (

    {{ latest_by_key('landed', 'response_id') }}

),

final as (

    select
        response_id,
        activity_id,
        contact_id,
        kind,
        occurred_at,
        _load_id,
        _row
    from latest

)

select * from final
