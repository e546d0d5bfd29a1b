with

landed as (

    select * from {{ source('hubspot', 'deals_to_contacts') }}

),

final as (

    {{ primary_associations('landed', 'deal_id', 'contact_id') }}

)

select * from final
