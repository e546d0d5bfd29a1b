{{ config(materialized='view') }}

with

touch_credits as (

    select * from {{ ref('int_journeys_touch_credits') }}

),

journeys as (

    select * from {{ ref('int_journeys_conversions') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

touches as (

    select * from {{ ref('int_touches') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

credited as (

    select
        conversions.conversion_id,
        touch_credits.model,
        touches.touchpoint_id,
        conversions.conversion_kind,
        touches.partner_id,
        touches.channel,
        touch_credits.credit_parts,
        touch_credits.amount_mills,
        conversions.currency,
        conversions.converted_at,
        conversions.account_id,
        touches.channel_group,
        touches.touch_source,
        touches.kind as touch_kind,
        touches.occurred_at as touched_at,
        touch_credits.position,
        journeys.touches,
        conversions.month
    from touch_credits
    inner join journeys
        on
            touch_credits.lookback_id = journeys.lookback_id
            and touch_credits.conversion_key = journeys.conversion_key
    inner join conversions on touch_credits.conversion_key = conversions.conversion_key
    inner join touches on touch_credits.touch_key = touches.touch_key

),

-- Every conversion has credits in every model: where no touch earned, the explicit row does.
unattributed as (

    select
        conversions.conversion_id,
        lookbacks.model,
        'unattributed' as touchpoint_id,
        conversions.conversion_kind,
        cast(null as {{ text_type() }}) as partner_id,
        'unattributed' as channel,
        cast({{ credit_parts() }} as bigint) as credit_parts,
        cast({{ to_units('conversions.amount', 3) }} as bigint) as amount_mills,
        conversions.currency,
        conversions.converted_at,
        conversions.account_id,
        'unattributed' as channel_group,
        cast(null as {{ text_type() }}) as touch_source,
        cast(null as {{ text_type() }}) as touch_kind,
        cast(null as {{ instant_type() }}) as touched_at,
        cast(null as integer) as position,
        cast(null as integer) as touches,
        conversions.month
    from conversions
    cross join lookbacks
    left join journeys
        on
            conversions.conversion_key = journeys.conversion_key
            and lookbacks.lookback_id = journeys.lookback_id
    where journeys.conversion_key is null

),

gathered as (

    select * from credited
    union all
    select * from unattributed

),

final as (

    select
        conversion_id,
        model,
        touchpoint_id,
        conversion_kind,
        partner_id,
        channel,
        {{ parts_to_fraction('credit_parts') }} as credit,
        {{ mills_to_money('amount_mills') }} as amount,
        currency,
        converted_at,
        account_id,
        channel_group,
        touch_source,
        touch_kind,
        touched_at,
        position,
        touches,
        month
    from gathered

)

select * from final
