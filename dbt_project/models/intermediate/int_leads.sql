with

files as (

    select * from {{ ref('stg_files__leads') }}

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
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
