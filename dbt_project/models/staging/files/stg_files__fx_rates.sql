with

landed as (

    select * from {{ source('files', 'fx_rates') }}

),

typed as (

    select
        {{ text('fx_rate_id') }} as fx_rate_id,
        rate_date,
        {{ code('from_currency') }} as from_currency,
        {{ code('to_currency') }} as to_currency,
        cast(rate as {{ exact() }}) as rate,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'fx_rate_id') }}

),

final as (

    select
        fx_rate_id,
        rate_date,
        from_currency,
        to_currency,
        rate,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
