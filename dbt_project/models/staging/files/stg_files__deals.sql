with

landed as (

    select * from {{ source('files', 'deals') }}

),

latest as (

    {{ latest_by_key('landed', 'deal_id') }}

),

final as (

    select
        deal_id,
        customer_id,
        name,
        stage,
        cast(amount as {{ money() }}) as amount,
        currency,
        created_at,
        opportunity_at,
        closed_at,
        is_won,
        _load_id,
        _row
    from latest

)

select * from final
