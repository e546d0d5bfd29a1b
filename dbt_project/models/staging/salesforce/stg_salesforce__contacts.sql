with

landed as (

    select * from {{ source('salesforce', 'Contact') }}

),

typed as (

    select
        {{ text('Id') }} as contact_id,
        {{ text('AccountId') }} as account_id,
        {{ email_address('Email') }} as email,
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

    {{ latest_by_key('typed', 'contact_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        contact_id,
        account_id,
        email,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
