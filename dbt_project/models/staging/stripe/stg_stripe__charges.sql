with

landed as (

    select * from {{ source('stripe', 'charge') }}

),

typed as (

    select
        {{ text('id') }} as charge_id,
        {{ text('payment_intent') }} as payment_intent_id,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'charge_id', version=none, deleted=none) }}

),

final as (

    select
        charge_id,
        payment_intent_id,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
