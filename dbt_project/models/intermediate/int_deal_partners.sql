with

files as (

    select * from {{ ref('stg_files__deal_partners') }}

),

final as (

    select
        deal_partner_id,
        deal_id,
        partner_id,
        role,
        share,
        registered_at,
        approved_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
