with

units as (

    select * from {{ ref('int_journeys_units') }}

),

removal_effects as (

    select * from {{ ref('int_journeys_removal_effects') }}

),

shapley_values as (

    select * from {{ ref('int_journeys_shapley_values') }}

),

final as (

    select
        units.unit_key as channel_key,
        cast({{ credit_parts_of('coalesce(removal_effects.removal_effect, 0)') }} as bigint) as markov,
        cast({{ credit_parts_of('greatest(coalesce(shapley_values.shapley_value, 0), 0)') }} as bigint) as shapley
    from units
    left join removal_effects
        on
            units.unit = removal_effects.unit
            and units.unit_id = removal_effects.unit_id
            and removal_effects.model_order = 1
    left join shapley_values on units.unit_id = shapley_values.unit_id
    where units.unit = 'channel'

)

select * from final
