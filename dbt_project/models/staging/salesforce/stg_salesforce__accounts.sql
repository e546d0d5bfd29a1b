with

landed as (

    select * from {{ source('salesforce', 'Account') }}

),

typed as (

    select
        {{ text('Id') }} as account_id,
        {{ text('Name') }} as name,
        coalesce(IsPartner, false) as is_partner,
        {{ website_domain('Website') }} as domain,
        {{ code('BillingCountryCode') }} as country,
        {{ code('CurrencyIsoCode') }} as currency,
        {{ word('Segment__c') }} as segment,
        {{ word('Partner_Type__c') }} as partner_type,
        {{ word('Partner_Status__c') }} as partner_status,
        coalesce(Tax_Form_Received__c, false) as is_tax_form_received,
        Signed_At__c as signed_at,
        Terminated_At__c as terminated_at,
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

    {{ latest_by_key('typed', 'account_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        account_id,
        name,
        is_partner,
        domain,
        country,
        currency,
        segment,
        partner_type,
        partner_status,
        is_tax_form_received,
        signed_at,
        terminated_at,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
