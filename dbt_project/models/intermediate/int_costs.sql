with

files as (

    select * from {{ ref('stg_files__costs') }}

),

final as (

    select
        cost_id,
        month,
        partner_id,
        activity_id,
        category,
        amount,
        currency,
        partner_share,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
