with

landed as (

    select * from {{ source('salesforce', 'Account') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

final as (

    select
        {{ text('landed.Id') }} as account_id,
        {{ word('landed.Partner_Status__c') }} as partner_status,
        {{ text('landed.OwnerId') }} as owner_id,
        coalesce(landed.SystemModstamp, landed._loaded_at) as changed_at,
        landed._load_id,
        landed._file,
        landed._row
    from landed
    cross join parameters
    where
        landed._loaded_at <= parameters.known_at
        and coalesce(landed.IsPartner, false)
        and not coalesce(landed.IsDeleted, false)

)

select * from final
