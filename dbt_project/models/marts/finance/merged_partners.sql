with

partner_ids as (

    select * from {{ ref('int_partner_ids') }}

),

final as (

    select distinct
        source_id as partner_id,
        partner_id as merged_into
    from partner_ids
    where source_id <> partner_id

)

select * from final
