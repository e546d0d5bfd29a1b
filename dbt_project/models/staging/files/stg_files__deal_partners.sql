with

landed as (

    select * from {{ source('files', 'deal_partners') }}

),

typed as (

    select
        {{ text('deal_partner_id') }} as deal_partner_id,
        {{ text('deal_id') }} as deal_id,
        {{ text('partner_id') }} as partner_id,
        {{ word('role') }} as role,
        cast(share as {{ fraction() }}) as share,
        registered_at,
        approved_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'deal_partner_id') }}

),

final as (

    select
        deal_partner_id,
        deal_id,
        partner_id,
        role,
        share,
        registered_at,
        approved_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
