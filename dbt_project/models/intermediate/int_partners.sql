with

files as (

    select * from {{ ref('stg_files__partners') }}

),

final as (

    select
        partner_id,
        name,
        partner_type,
        country,
        currency,
        status,
        signed_at,
        terminated_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
