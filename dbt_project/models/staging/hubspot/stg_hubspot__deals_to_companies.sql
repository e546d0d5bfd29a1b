with

landed as (

    select * from {{ source('hubspot', 'deals_to_companies') }}

),

final as (

    {{ primary_associations('landed', 'deal_id', 'company_id') }}

)

select * from final
