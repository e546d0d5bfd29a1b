with

landed as (

    select * from {{ source('salesforce', 'OpportunityPartner') }}

),

typed as (

    select
        {{ text('Id') }} as opportunity_partner_id,
        {{ text('OpportunityId') }} as opportunity_id,
        {{ text('AccountToId') }} as partner_account_id,
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

    {{ latest_by_key('typed', 'opportunity_partner_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        opportunity_partner_id,
        opportunity_id,
        partner_account_id,
        role,
        is_primary,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
