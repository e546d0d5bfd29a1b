with

landed as (

    select * from {{ source('files', 'touchpoints') }}

),

typed as (

    select
        {{ text('touchpoint_id') }} as touchpoint_id,
        occurred_at,
        {{ text('customer_id') }} as customer_id,
        {{ text('contact_id') }} as contact_id,
        {{ text('anonymous_id') }} as anonymous_id,
        {{ text('partner_id') }} as partner_id,
        {{ text('channel') }} as channel,
        {{ word('kind') }} as kind,
        {{ text('campaign') }} as campaign,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'touchpoint_id') }}

),

final as (

    select
        touchpoint_id,
        occurred_at,
        customer_id,
        contact_id,
        anonymous_id,
        partner_id,
        channel,
        kind,
        campaign,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
