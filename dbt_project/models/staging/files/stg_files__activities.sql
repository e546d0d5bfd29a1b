with

landed as (

    select * from {{ source('files', 'activities') }}

),

latest as (

    {{ latest_by_key('landed', 'activity_id') }}

),

final as (

    select
        activity_id,
        kind,
        name,
        partner_id,
        starts_at,
        ends_at,
        _load_id,
        _row
    from latest

)

select * from final
