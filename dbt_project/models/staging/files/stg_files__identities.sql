with

landed as (

    select * from {{ source('files', 'identities') }}

),

typed as (

    select
        {{ text('identity_id') }} as identity_id,
        {{ text('anonymous_id') }} as anonymous_id,
        {{ text('contact_id') }} as contact_id,
        identified_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'identity_id') }}

),

final as (

    select
        identity_id,
        anonymous_id,
        contact_id,
        identified_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
