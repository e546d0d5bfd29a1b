with

landed as (

    select * from {{ source('files', 'costs') }}

),

typed as (

    select
        {{ text('cost_id') }} as cost_id,
        month,
        {{ named_partner('partner_id') }} as partner_id,
        {{ text('activity_id') }} as activity_id,
        {{ text('category') }} as category,
        {{ landed_money('amount') }} as amount,
        {{ code('currency') }} as currency,
        cast(partner_share as {{ fraction() }}) as partner_share,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'cost_id') }}

),

final as (

    select
        cost_id,
        month,
        partner_id,
        activity_id,
        category,
        amount,
        currency,
        partner_share,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
