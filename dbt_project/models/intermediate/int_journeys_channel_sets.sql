with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

units as (

    select * from {{ ref('int_journeys_units') }}

),

-- Sixty channels fit the bits of one number; those beyond are listed.
of_journeys as (

    select
        lookback_id,
        journey_key,
        max(conversion_key) is not null as is_converted,
        {{ all_bits(
            'case when channel_key <= 60 then ' ~ bit_at('channel_key') ~ ' else cast(0 as bigint) end'
        ) }} as bits,
        {{ sorted_set('case when channel_key > 60 then channel_key end') }} as keys_beyond
    from steps
    group by lookback_id, journey_key

),

sets as (

    select
        lookback_id,
        bits,
        keys_beyond,
        cast(row_number() over (order by lookback_id, bits, keys_beyond) as bigint) as set_key,
        count(case when is_converted then 1 end) as conversions,
        count(*) as journeys
    from of_journeys
    group by lookback_id, bits, keys_beyond

),

keys_beyond as (

    select
        set_key,
        {{ each_of('keys_beyond') }} as channel_key
    from sets

),

members as (

    select
        sets.set_key,
        units.unit_key as channel_key
    from sets
    inner join units on {{ has_bit('sets.bits', 'units.unit_key') }}
    where
        units.unit = 'channel'
        and units.unit_key <= 60
    union all
    select
        set_key,
        channel_key
    from keys_beyond

),

final as (

    select
        sets.lookback_id,
        sets.set_key,
        units.unit_id as channel,
        count(*) over (partition by sets.set_key) as channels,
        sets.conversions,
        sets.journeys
    from sets
    inner join members on sets.set_key = members.set_key
    inner join units
        on
            members.channel_key = units.unit_key
            and units.unit = 'channel'

)

select * from final
