with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

touches as (

    select * from {{ ref('int_touches') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

settings as (

    select * from {{ ref('attribution_settings') }}

),

-- The journeys of an account are not independent of each other, so it is accounts that are drawn.
limits as (

    select
        cast(max(case when setting = 'interval_groups' then value end) as bigint) as all_groups,
        max(case when setting = 'interval_orders' then value end) as orders
    from settings

),

markov_steps as (

    select steps.*
    from steps
    inner join lookbacks
        on
            steps.lookback_id = lookbacks.lookback_id
            and lookbacks.model = 'markov'

),

groups_of_journeys as (

    select
        markov_steps.journey_key,
        {{ group_of('touches.account_id', 'limits.all_groups') }} as account_group
    from markov_steps
    inner join touches on markov_steps.touch_key = touches.touch_key
    cross join limits
    where markov_steps.position = 1

),

-- Of the touches that no chain remembers, only whether there was one before is kept.
grouped_steps as (

    select
        groups_of_journeys.account_group,
        markov_steps.conversion_key is not null as is_converted,
        case when limits.orders >= 3 then markov_steps.channel_key_before_that else 0 end as channel_key_before_that,
        case
            when limits.orders >= 2 then markov_steps.channel_key_before
            else least(markov_steps.channel_key_before, 1)
        end as channel_key_before,
        markov_steps.channel_key,
        markov_steps.channel_key_following,
        case when limits.orders >= 3 then markov_steps.partner_key_before_that else 0 end as partner_key_before_that,
        case
            when limits.orders >= 2 then markov_steps.partner_key_before
            else least(markov_steps.partner_key_before, 1)
        end as partner_key_before,
        markov_steps.partner_key,
        markov_steps.partner_key_following
    from markov_steps
    inner join groups_of_journeys on markov_steps.journey_key = groups_of_journeys.journey_key
    cross join limits

),

channel_transitions as (

    select
        'channel' as unit,
        account_group,
        channel_key_before_that as third_last_key,
        channel_key_before as second_last_key,
        channel_key as last_key,
        channel_key_following as following_key,
        is_converted,
        count(*) as journeys
    from grouped_steps
    group by
        account_group,
        channel_key_before_that,
        channel_key_before,
        channel_key,
        channel_key_following,
        is_converted

),

partner_transitions as (

    select
        'partner' as unit,
        account_group,
        partner_key_before_that as third_last_key,
        partner_key_before as second_last_key,
        partner_key as last_key,
        partner_key_following as following_key,
        is_converted,
        count(*) as journeys
    from grouped_steps
    group by
        account_group,
        partner_key_before_that,
        partner_key_before,
        partner_key,
        partner_key_following,
        is_converted

),

gathered as (

    select * from channel_transitions
    union all
    select * from partner_transitions

),

final as (

    select
        unit,
        account_group,
        third_last_key,
        second_last_key,
        last_key,
        following_key,
        case
            when following_key > 0 then 'touch'
            when is_converted then 'converted'
            else 'open'
        end as outcome,
        cast(sum(journeys) as bigint) as journeys
    from gathered
    group by unit, account_group, third_last_key, second_last_key, last_key, following_key, outcome

)

select * from final
