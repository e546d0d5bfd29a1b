with

landed as (

    select * from {{ source('salesforce', 'Lead') }}

),

typed as (

    select
        {{ text('Id') }} as lead_id,
        {{ text('Partner_Account__c') }} as partner_account_id,
        {{ text('ConvertedAccountId') }} as converted_account_id,
        {{ text('ConvertedContactId') }} as converted_contact_id,
        {{ text('ConvertedOpportunityId') }} as converted_opportunity_id,
        {{ email_address('Email') }} as email,
        {{ text('LeadSource') }} as lead_source,
        {{ text('Status') }} as status,
        CreatedDate as created_at,
        Qualified_At__c as qualified_at,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'lead_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        lead_id,
        partner_account_id,
        converted_account_id,
        converted_contact_id,
        converted_opportunity_id,
        email,
        lead_source,
        status,
        created_at,
        qualified_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
