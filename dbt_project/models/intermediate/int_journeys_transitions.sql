with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

markov_steps as (

    select steps.*
    from steps
    inner join lookbacks
        on
            steps.lookback_id = lookbacks.lookback_id
            and lookbacks.model = 'markov'

),

channel_transitions as (

    select
        'channel' as unit,
        channel_key_before_that as third_last_key,
        channel_key_before as second_last_key,
        channel_key as last_key,
        channel_key_following as following_key,
        conversion_key is not null as is_converted,
        count(*) as journeys
    from markov_steps
    group by
        channel_key_before_that,
        channel_key_before,
        channel_key,
        channel_key_following,
        conversion_key is not null

),

partner_transitions as (

    select
        'partner' as unit,
        partner_key_before_that as third_last_key,
        partner_key_before as second_last_key,
        partner_key as last_key,
        partner_key_following as following_key,
        conversion_key is not null as is_converted,
        count(*) as journeys
    from markov_steps
    group by
        partner_key_before_that,
        partner_key_before,
        partner_key,
        partner_key_following,
        conversion_key is not null

),

gathered as (

    select * from channel_transitions
    union all
    select * from partner_transitions

),

final as (

    select
        unit,
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
    group by unit, third_last_key, second_last_key, last_key, following_key, outcome

)

select * from final
