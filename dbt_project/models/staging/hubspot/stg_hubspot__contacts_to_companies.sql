with

landed as (

    select * from {{ source('hubspot', 'contacts_to_companies') }}

),

final as (

    {{ primary_associations('landed', 'contact_id', 'company_id') }}

)

select * from final
