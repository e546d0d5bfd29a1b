with

landed as (

    select * from {{ source('salesforce', 'Deal_Registration__c') }}

),

typed as (

    select
        {{ text('Id') }} as deal_registration_id,
        {{ text('Opportunity__c') }} as opportunity_id,
        {{ text('Partner_Account__c') }} as partner_account_id,
        {{ word('Role__c') }} as role,
        cast(Share__c as {{ fraction() }}) as share,
        Registered_At__c as registered_at,
        Approved_At__c as approved_at,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'deal_registration_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        deal_registration_id,
        opportunity_id,
        partner_account_id,
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
