with

landed as (

    select * from {{ source('hubspot', 'deals_to_companies') }}

),

-- All associations land together, the primary ones marked. A load of one row of no records says that there are none.
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

newest as (

    {{ newest_load('typed') }}

),

versions as (

    {{ latest_by_key('newest', 'deal_id', version='primary_first', deleted=none) }}

),

final as (

    select
        deal_id,
        company_id
    from versions
    where deal_id <> '0'

)

select * from final
