with

landed as (

    select * from {{ source('salesforce', 'Campaign') }}

),

typed as (

    select
        {{ text('Id') }} as campaign_id,
        {{ text('Name') }} as name,
        {{ word('Type') }} as kind,
        {{ text('Partner_Account__c') }} as partner_account_id,
        Starts_At__c as starts_at,
        Ends_At__c as ends_at,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'campaign_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        campaign_id,
        name,
        kind,
        partner_account_id,
        starts_at,
        ends_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
