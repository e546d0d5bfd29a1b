with

landed as (

    select * from {{ source('salesforce', 'CampaignMember') }}

),

typed as (

    select
        {{ text('Id') }} as campaign_member_id,
        {{ text('CampaignId') }} as campaign_id,
        {{ text('ContactId') }} as contact_id,
        {{ text('LeadId') }} as lead_id,
        {{ word('Status') }} as status,
        coalesce(HasResponded, false) as has_responded,
        First_Responded_At__c as first_responded_at,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'campaign_member_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        campaign_member_id,
        campaign_id,
        contact_id,
        lead_id,
        status,
        has_responded,
        first_responded_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
