with

companies as (

    {{ latest_by_key(source('hubspot', 'companies'), 'id', version='hs_lastmodifieddate', deleted=none) }}

),

contacts as (

    {{ latest_by_key(source('hubspot', 'contacts'), 'id', version='lastmodifieddate', deleted=none) }}

),

deals as (

    {{ latest_by_key(source('hubspot', 'deals'), 'id', version='hs_lastmodifieddate', deleted=none) }}

),

-- The record that is left lists those that went into it: '101;102'.
listed as (

    select
        'company' as object,
        {{ text('id') }} as master_id,
        {{ text_parts('hs_merged_object_ids', ';') }} as loser_id
    from companies
    where hs_merged_object_ids is not null
    union all
    select
        'contact' as object,
        {{ text('id') }} as master_id,
        {{ text_parts('hs_merged_object_ids', ';') }} as loser_id
    from contacts
    where hs_merged_object_ids is not null
    union all
    select
        'deal' as object,
        {{ text('id') }} as master_id,
        {{ text_parts('hs_merged_object_ids', ';') }} as loser_id
    from deals
    where hs_merged_object_ids is not null

),

final as (

    select distinct
        object,
        {{ text('loser_id') }} as loser_id,
        master_id
    from listed
    where {{ text('loser_id') }} is not null

)

select * from final
