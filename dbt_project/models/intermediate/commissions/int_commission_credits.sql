with

touch_credits as (

    select * from {{ ref('int_journeys_touch_credits') }}

),

touches as (

    select * from {{ ref('int_touches') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

models_that_pay as (

    select distinct crediting_model as model
    from plans
    where crediting_model <> 'deal_partners'

),

final as (

    select
        touch_credits.model,
        conversions.conversion_id as deal_id,
        touches.partner_id,
        {{ parts_to_fraction('sum(touch_credits.credit_parts)') }} as share
    from touch_credits
    inner join models_that_pay on touch_credits.model = models_that_pay.model
    inner join conversions on touch_credits.conversion_key = conversions.conversion_key
    inner join touches on touch_credits.touch_key = touches.touch_key
    where
        conversions.conversion_kind = 'deal'
        and touches.partner_id is not null
    group by touch_credits.model, conversions.conversion_id, touches.partner_id

)

select * from final
