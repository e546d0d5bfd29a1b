with

landed as (

    select * from {{ source('files', 'market_sizes') }}

),

latest as (

    {{ latest_by_key('landed', 'market_size_id') }}

),

final as (

    select
        market_size_id,
        month,
        country,
        segment,
        cast(amount as {{ money() }}) as amount,
        currency,
        _load_id,
        _row
    from latest

)

select * from final
