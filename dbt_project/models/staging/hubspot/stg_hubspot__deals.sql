with

landed as (

    select * from {{ source('hubspot', 'deals') }}

),

typed as (

    select
        {{ text('id') }} as deal_id,
        {{ named_partner('partner_account_id') }} as partner_account_id,
        {{ text('dealname') }} as name,
        {{ text('dealstage') }} as stage,
        {{ word('partner_role') }} as partner_role,
        {{ landed_money('amount') }} as amount,
        {{ code('deal_currency_code') }} as currency,
        coalesce(hs_is_closed_won, false) as is_won,
        createdate as created_at,
        opportunity_at,
        closedate as closed_at,
        hs_lastmodifieddate,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'deal_id', version='hs_lastmodifieddate', deleted='archived') }}

),

final as (

    select
        deal_id,
        partner_account_id,
        name,
        stage,
        partner_role,
        amount,
        currency,
        is_won,
        created_at,
        opportunity_at,
        closed_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
