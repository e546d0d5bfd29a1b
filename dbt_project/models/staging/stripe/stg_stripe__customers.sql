with

landed as (

    select * from {{ source('stripe', 'customer') }}

),

-- A customer deleted in Stripe is announced by its id alone, and still has its invoices: what was last known stays.
typed as (

    select
        {{ text('id') }} as customer_id,
        {{ text('salesforce_account_id') }} as salesforce_account_id,
        {{ text('hubspot_company_id') }} as hubspot_company_id,
        {{ text('name') }} as name,
        {{ email_address('email') }} as email,
        case when coalesce(deleted, false) then 1 else 0 end as deletions_last,
        max(coalesce(deleted, false)) over (partition by {{ text('id') }}) as is_deleted,
        created as created_at,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'customer_id', version='-deletions_last', deleted=none) }}

),

final as (

    select
        customer_id,
        salesforce_account_id,
        hubspot_company_id,
        name,
        email,
        is_deleted,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
