with

journeys as (

    select * from {{ ref('int_journeys') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

markov_journeys as (

    select journeys.*
    from journeys
    inner join models
        on
            journeys.lookback_seconds = models.lookback_seconds
            and models.model = 'markov'

),

units as (

    select
        'channel' as unit,
        channel as unit_id,
        journey_id,
        conversion_id,
        position
    from markov_journeys
    union all
    select
        'partner' as unit,
        coalesce(partner_id, 'no_partner') as unit_id,
        journey_id,
        conversion_id,
        position
    from markov_journeys

),

steps as (

    select
        unit,
        lag(unit_id, 2) over journey as third_last,
        lag(unit_id) over journey as second_last,
        unit_id as last,
        lead(unit_id) over journey as following,
        case
            when lead(unit_id) over journey is not null then 'touch'
            when conversion_id is null then 'open'
            else 'converted'
        end as outcome
    from units
    window journey as (partition by unit, journey_id order by position)

),

final as (

    select
        unit,
        third_last,
        second_last,
        last,
        following,
        outcome,
        count(*) as journeys
    from steps
    group by unit, third_last, second_last, last, following, outcome

)

select * from final
