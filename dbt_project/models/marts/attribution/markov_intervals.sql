with

markov as (

    select * from {{ ref('markov') }}

),

intervals as (

    select * from {{ ref('int_journeys_removal_intervals') }}

),

settings as (

    select * from {{ ref('attribution_settings') }}

),

levels as (

    select cast(value as decimal(5, 2)) * cast(0.01 as decimal(3, 2)) as level
    from settings
    where setting = 'interval_percent'

),

totals as (

    select
        unit,
        model_order,
        cast(sum(conversions) as {{ double_type() }}) as conversions
    from markov
    where unit_id <> 'unattributed'
    group by unit, model_order

),

final as (

    select
        markov.model_order,
        markov.unit,
        markov.unit_id,
        cast(levels.level as decimal(5, 4)) as level,
        intervals.replicates,
        markov.removal_effect,
        cast(intervals.removal_effect_lower as {{ fraction() }}) as removal_effect_lower,
        cast(intervals.removal_effect_upper as {{ fraction() }}) as removal_effect_upper,
        cast(
            case
                when totals.conversions > 0
                    then cast(markov.conversions as {{ double_type() }}) / totals.conversions
            end
            as {{ fraction() }}
        ) as share,
        cast(intervals.share_lower as {{ fraction() }}) as share_lower,
        cast(intervals.share_upper as {{ fraction() }}) as share_upper,
        markov.conversions,
        cast(intervals.share_lower * totals.conversions as decimal(28, 12)) as conversions_lower,
        cast(intervals.share_upper * totals.conversions as decimal(28, 12)) as conversions_upper,
        markov.journeys,
        markov.converting_journeys,
        markov.small_sample
    from markov
    inner join intervals
        on
            markov.unit = intervals.unit
            and markov.model_order = intervals.model_order
            and markov.unit_id = intervals.unit_id
    inner join totals
        on
            markov.unit = totals.unit
            and markov.model_order = totals.model_order
    cross join levels

)

select * from final
