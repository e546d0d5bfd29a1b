with

shapley_values as (

    select * from {{ ref('int_journeys_shapley_values') }}

),

channel_sets as (

    select * from {{ ref('int_journeys_channel_sets') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

shapley_sets as (

    select channel_sets.*
    from channel_sets
    inner join lookbacks
        on
            channel_sets.lookback_id = lookbacks.lookback_id
            and lookbacks.model = 'shapley'

),

-- Where a coalition is worth the conversions of the journeys whose channels all lie in it, the Shapley value shares
-- each conversion evenly among its distinct channels: no game needs to be solved.
by_participation as (

    select
        channel,
        sum({{ whole_quotient(credit_parts(), 'channels') }} * conversions) as parts
    from shapley_sets
    group by channel

),

distinct_sets as (

    select distinct
        set_key,
        conversions
    from shapley_sets

),

totals as (

    select sum(conversions) as conversions
    from distinct_sets

),

earning as (

    select
        *,
        greatest(shapley_value, 0) as worth,
        sum(greatest(shapley_value, 0)) over () as all_worth
    from shapley_values

),

final as (

    select
        earning.unit_id,
        cast(earning.shapley_value as {{ fraction() }}) as shapley_value,
        cast(earning.standard_error as {{ fraction() }}) as standard_error,
        cast(
            case when earning.all_worth > 0 then totals.conversions * earning.worth / earning.all_worth else 0 end
            as decimal(28, 12)
        ) as conversions,
        {{ parts_to_number('coalesce(by_participation.parts, 0)') }} as conversions_by_participation
    from earning
    cross join totals
    left join by_participation on earning.unit_id = by_participation.channel

)

select * from final
