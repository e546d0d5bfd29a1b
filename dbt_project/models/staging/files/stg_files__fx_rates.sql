with

landed as (

    select * from {{ source('files', 'fx_rates') }}

),

latest as (

    {{ latest_by_key('landed', 'fx_rate_id') }}

),

final as (

    select
        fx_rate_id,
        rate_date,
        from_currency,
        to_currency,
        cast(rate as {{ exact() }}) as rate,
        _load_id,
        _row
    from latest

)

select * from final
