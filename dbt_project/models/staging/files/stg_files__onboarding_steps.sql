with

landed as (

    select * from {{ source('files', 'onboarding_steps') }}

),

latest as (

    {{ latest_by_key('landed', 'step_id') }}

),

final as (

    select
        step_id,
        partner_id,
        step,
        completed_at,
        _load_id,
        _row
    from latest

)

select * from final
