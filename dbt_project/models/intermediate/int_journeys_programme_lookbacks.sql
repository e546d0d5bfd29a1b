with

touches as (

    select * from {{ ref('int_touches') }}

),

model_lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

programme_lookbacks as (

    select * from {{ ref('attribution_lookbacks') }}

),

enrolments as (

    select * from {{ ref('int_enrolments') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

partner_lookbacks as (

    select distinct
        model_lookbacks.lookback_id,
        enrolments.partner_id,
        enrolments.starts_on,
        enrolments.ends_on,
        programme_lookbacks.lookback_seconds
    from programme_lookbacks
    inner join model_lookbacks on programme_lookbacks.model = model_lookbacks.model
    inner join enrolments
        on {{ word('programme_lookbacks.programme') }} = {{ word('enrolments.programme') }}

),

-- The touches whose partner was in a programme with a lookback of its own that day; of several the longest.
final as (

    select
        partner_lookbacks.lookback_id,
        touches.touch_key,
        max(partner_lookbacks.lookback_seconds) as lookback_seconds
    from touches
    inner join partner_lookbacks on touches.partner_id = partner_lookbacks.partner_id
    cross join parameters
    where
        {{ local_day('touches.occurred_at', 'parameters.timezone') }} >= partner_lookbacks.starts_on
        and (
            partner_lookbacks.ends_on is null
            or {{ local_day('touches.occurred_at', 'parameters.timezone') }} < partner_lookbacks.ends_on
        )
    group by partner_lookbacks.lookback_id, touches.touch_key

)

select * from final
