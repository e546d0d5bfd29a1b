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

{% for unit in ['channel', 'partner'] -%}
{{ unit }}_transitions as (

    select
        '{{ unit }}' as unit,
        {{ unit }}_key_before_that as third_last_key,
        {{ unit }}_key_before as second_last_key,
        {{ unit }}_key as last_key,
        {{ unit }}_key_following as following_key,
        conversion_key is not null as is_converted,
        count(*) as journeys
    from markov_steps
    group by
        {{ unit }}_key_before_that,
        {{ unit }}_key_before,
        {{ unit }}_key,
        {{ unit }}_key_following,
        conversion_key is not null

),

{% endfor -%}
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
