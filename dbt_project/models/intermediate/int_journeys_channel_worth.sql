with

units as (

    select * from {{ ref('int_journeys_units') }}

),

channel_effects as (

    select * from {{ ref('int_journeys_channel_effects') }}

),

shapley_values as (

    select * from {{ ref('int_journeys_shapley_values') }}

),

final as (

    select
        units.unit_key as channel_key,
        cast({{ credit_parts_of('coalesce(channel_effects.removal_effect, 0)') }} as bigint) as markov,
        cast({{ credit_parts_of('greatest(coalesce(shapley_values.shapley_value, 0), 0)') }} as bigint) as shapley
    from units
    left join channel_effects on units.unit_id = channel_effects.unit_id
    left join shapley_values on units.unit_id = shapley_values.unit_id
    where units.unit = 'channel'

)

select * from final
