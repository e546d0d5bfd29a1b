with

files as (

    select * from {{ ref('stg_files__touchpoints') }}

),

final as (

    select
        touchpoint_id,
        occurred_at,
        customer_id,
        contact_id,
        anonymous_id,
        partner_id,
        channel,
        kind,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
