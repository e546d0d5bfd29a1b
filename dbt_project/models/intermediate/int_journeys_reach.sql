with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

channel_sets as (

    select * from {{ ref('int_journeys_channel_sets') }}

),

units as (

    select * from {{ ref('int_journeys_units') }}

),

markov_lookback as (

    select lookback_id
    from lookbacks
    where model = 'markov'

),

channel_reach as (

    select
        'channel' as unit,
        channel_sets.channel as unit_id,
        cast(sum(channel_sets.journeys) as bigint) as journeys,
        cast(sum(channel_sets.conversions) as bigint) as converting_journeys
    from channel_sets
    inner join markov_lookback on channel_sets.lookback_id = markov_lookback.lookback_id
    group by channel_sets.channel

),

-- A touch after one of the same partner need not be counted again.
partner_journeys as (

    select
        steps.partner_key,
        steps.journey_key,
        max(steps.conversion_key) as conversion_key
    from steps
    inner join markov_lookback on steps.lookback_id = markov_lookback.lookback_id
    where
        steps.partner_key <> steps.partner_key_before
        and steps.partner_key <> steps.partner_key_before_that
    group by steps.partner_key, steps.journey_key

),

partner_counts as (

    select
        partner_key,
        count(*) as journeys,
        count(conversion_key) as converting_journeys
    from partner_journeys
    group by partner_key

),

partner_reach as (

    select
        units.unit,
        units.unit_id,
        partner_counts.journeys,
        partner_counts.converting_journeys
    from partner_counts
    inner join units
        on
            partner_counts.partner_key = units.unit_key
            and units.unit = 'partner'

),

final as (

    select * from channel_reach
    union all
    select * from partner_reach

)

select * from final
