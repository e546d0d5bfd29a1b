with

landed as (

    select * from {{ source('hubspot', 'contacts') }}

),

typed as (

    select
        {{ text('id') }} as contact_id,
        {{ text('salesforcecontactid') }} as salesforce_contact_id,
        {{ email_address('email') }} as email,
        createdate as created_at,
        lastmodifieddate,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'contact_id', version='lastmodifieddate', deleted='archived') }}

),

final as (

    select
        contact_id,
        salesforce_contact_id,
        email,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
