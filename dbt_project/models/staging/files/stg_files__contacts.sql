with

landed as (

    select * from {{ source('files', 'contacts') }}

),

typed as (

    select
        {{ text('contact_id') }} as contact_id,
        {{ text('customer_id') }} as customer_id,
        {{ text('email') }} as email,
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

    {{ latest_by_key('typed', 'contact_id') }}

),

final as (

    select
        contact_id,
        customer_id,
        email,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
