with

landed as (

    select * from {{ source('hubspot', 'companies') }}

),

typed as (

    select
        {{ text('id') }} as company_id,
        {{ text('salesforceaccountid') }} as salesforce_account_id,
        {{ text('name') }} as name,
        {{ website_domain('domain') }} as domain,
        {{ code('country') }} as country,
        {{ word('segment') }} as segment,
        createdate as created_at,
        hs_lastmodifieddate,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'company_id', version='hs_lastmodifieddate', deleted='archived') }}

),

final as (

    select
        company_id,
        salesforce_account_id,
        name,
        domain,
        country,
        segment,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
