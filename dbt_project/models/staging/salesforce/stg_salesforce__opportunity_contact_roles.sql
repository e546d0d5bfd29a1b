with

landed as (

    select * from {{ source('salesforce', 'OpportunityContactRole') }}

),

typed as (

    select
        {{ text('Id') }} as opportunity_contact_role_id,
        {{ text('OpportunityId') }} as opportunity_id,
        {{ text('ContactId') }} as contact_id,
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

    {{ latest_by_key('typed', 'opportunity_contact_role_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        opportunity_contact_role_id,
        opportunity_id,
        contact_id,
        role,
        is_primary,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
