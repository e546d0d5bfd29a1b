with

landed as (

    select * from {{ source('hubspot', 'deals_to_companies') }}

),

-- HubSpot answers with every association of a record, the primary one marked. The newest answer counts.
typed as (

    select
        {{ text('from_id') }} as deal_id,
        {{ text('to_id') }} as company_id,
        case when lower(association_type) like '%primary%' then 1 else 0 end as primary_first,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'deal_id', version='primary_first', deleted=none) }}

),

final as (

    select
        deal_id,
        company_id
    from versions

)

select * from final
