with

landed as (

    select * from {{ source('salesforce', 'Partner') }}

),

typed as (

    select
        {{ text('Id') }} as account_partner_id,
        {{ text('AccountFromId') }} as account_id,
        {{ text('AccountToId') }} as partner_account_id,
        {{ text('OpportunityId') }} as opportunity_id,
        {{ word('Role') }} as role,
        coalesce(IsPrimary, false) as is_primary,
        CreatedDate as created_at,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'account_partner_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        account_partner_id,
        account_id,
        partner_account_id,
        opportunity_id,
        role,
        is_primary,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
