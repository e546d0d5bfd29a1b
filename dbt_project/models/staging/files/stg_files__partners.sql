with

landed as (

    select * from {{ source('files', 'partners') }}

),

typed as (

    select
        {{ text('partner_id') }} as partner_id,
        {{ text('name') }} as name,
        {{ word('partner_type') }} as partner_type,
        {{ code('country') }} as country,
        {{ code('currency') }} as currency,
        {{ word('status') }} as status,
        signed_at,
        terminated_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'partner_id') }}

),

final as (

    select
        partner_id,
        name,
        partner_type,
        country,
        currency,
        status,
        signed_at,
        terminated_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
