with

landed as (

    select * from {{ source('files', 'deals') }}

),

typed as (

    select
        {{ text('deal_id') }} as deal_id,
        {{ text('customer_id') }} as customer_id,
        {{ text('name') }} as name,
        {{ text('stage') }} as stage,
        {{ landed_money('amount') }} as amount,
        {{ code('currency') }} as currency,
        created_at,
        opportunity_at,
        closed_at,
        is_won,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'deal_id') }}

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
        _load_id,
        _file,
        _row
    from versions

)

select * from final
