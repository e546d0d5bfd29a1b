with

landed as (

    select * from {{ source('files', 'disputes') }}

),

typed as (

    select
        {{ text('dispute_id') }} as dispute_id,
        {{ text('payment_id') }} as payment_id,
        {{ word('status') }} as status,
        opened_at,
        closed_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'dispute_id') }}

),

final as (

    select
        dispute_id,
        payment_id,
        status,
        opened_at,
        closed_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
