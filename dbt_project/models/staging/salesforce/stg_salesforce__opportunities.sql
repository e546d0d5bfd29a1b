with

landed as (

    select * from {{ source('salesforce', 'Opportunity') }}

),

typed as (

    select
        {{ text('Id') }} as opportunity_id,
        {{ text('AccountId') }} as account_id,
        {{ text('CampaignId') }} as campaign_id,
        {{ text('Name') }} as name,
        {{ text('StageName') }} as stage,
        {{ landed_money('Amount') }} as amount,
        {{ code('CurrencyIsoCode') }} as currency,
        coalesce(IsClosed, false) as is_closed,
        coalesce(IsWon, false) as is_won,
        CreatedDate as created_at,
        Opportunity_At__c as opportunity_at,
        Closed_At__c as closed_at,
        CloseDate as close_date,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'opportunity_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        opportunity_id,
        account_id,
        campaign_id,
        name,
        stage,
        amount,
        currency,
        is_closed,
        is_won,
        created_at,
        opportunity_at,
        closed_at,
        close_date,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
