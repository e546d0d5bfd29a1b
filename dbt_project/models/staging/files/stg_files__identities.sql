with

landed as (

    select * from {{ source('files', 'identities') }}

),

latest as (

    {{ latest_by_key('landed', 'identity_id') }}

),

final as (

    select
        identity_id,
        anonymous_id,
        contact_id,
        identified_at,
        _load_id,
        _row
    from latest

)

select * from final
