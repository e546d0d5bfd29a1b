with

files as (

    select * from {{ ref('stg_files__deals') }}

),

final as (

    select
        deal_id,
        customer_id,
        name,
        stage,
        amount,
        currency,
        created_at,
        opportunity_at,
        closed_at,
        is_won,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
