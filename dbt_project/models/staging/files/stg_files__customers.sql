with

landed as (

    select * from {{ source('files', 'customers') }}

),

typed as (

    select
        {{ text('customer_id') }} as customer_id,
        {{ text('name') }} as name,
        {{ code('country') }} as country,
        {{ word('segment') }} as segment,
        created_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'customer_id') }}

),

final as (

    select
        customer_id,
        name,
        country,
        segment,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
