with

landed as (

    select * from {{ source('salesforce', 'Partner_Enrolment__c') }}

),

typed as (

    select
        {{ text('Id') }} as partner_enrolment_id,
        {{ text('Partner_Account__c') }} as partner_account_id,
        {{ text('Programme__c') }} as programme,
        {{ text('Plan_Id__c') }} as plan_id,
        Starts_On__c as starts_on,
        Ends_On__c as ends_on,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'partner_enrolment_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        partner_enrolment_id,
        partner_account_id,
        programme,
        plan_id,
        starts_on,
        ends_on,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
