with

landed as (

    select * from {{ source('files', 'leads') }}

),

typed as (

    select
        {{ text('lead_id') }} as lead_id,
        {{ text('customer_id') }} as customer_id,
        {{ text('contact_id') }} as contact_id,
        {{ named_partner('partner_id') }} as partner_id,
        {{ text('source') }} as source,
        {{ text('status') }} as status,
        created_at,
        qualified_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'lead_id') }}

),

final as (

    select
        lead_id,
        customer_id,
        contact_id,
        partner_id,
        source,
        status,
        created_at,
        qualified_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
