with

landed as (

    select * from {{ source('files', 'training') }}

),

latest as (

    {{ latest_by_key('landed', 'training_id') }}

),

final as (

    select
        training_id,
        partner_id,
        course,
        assigned_at,
        completed_at,
        _load_id,
        _row
    from latest

)

select * from final
