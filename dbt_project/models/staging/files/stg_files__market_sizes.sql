with

landed as (

    select * from {{ source('files', 'market_sizes') }}

),

typed as (

    select
        {{ text('market_size_id') }} as market_size_id,
        month,
        {{ code('country') }} as country,
        {{ word('segment') }} as segment,
        {{ landed_money('amount') }} as amount,
        {{ code('currency') }} as currency,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'market_size_id') }}

),

final as (

    select
        market_size_id,
        month,
        country,
        segment,
        amount,
        currency,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
