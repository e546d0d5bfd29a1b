with

removal_effects as (

    select * from {{ ref('int_journeys_removal_effects') }}

),

reach as (

    select * from {{ ref('int_journeys_reach') }}

),

journeys as (

    select * from {{ ref('int_journeys_conversions') }}

),

conversions as (

    select * from {{ ref('int_conversion_revenue') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

settings as (

    select * from {{ ref('attribution_settings') }}

),

touched as (

    select journeys.conversion_key
    from journeys
    inner join lookbacks
        on
            journeys.lookback_id = lookbacks.lookback_id
            and lookbacks.model = 'markov'

),

valued as (

    select
        touched.conversion_key is not null as is_touched,
        conversions.revenue,
        abs(conversions.mills_per_part) as mills_per_part
    from conversions
    left join touched on conversions.conversion_key = touched.conversion_key

),

totals as (

    select
        count(case when is_touched then 1 end) as conversions,
        count(case when not is_touched then 1 end) as conversions_unattributed,
        {{ total_to_mills('coalesce(sum(case when is_touched then revenue end), 0)') }} as revenue_mills,
        {{ total_to_mills(
            'coalesce(sum(case when not is_touched then revenue end), 0)'
        ) }} as revenue_mills_unattributed,
        coalesce(max(mills_per_part), 10) as mills_per_part
    from valued

),

weighed as (

    select
        removal_effects.unit,
        removal_effects.model_order,
        removal_effects.unit_id,
        removal_effects.removal_effect,
        {{ credit_parts_of('removal_effects.removal_effect') }} as effect_parts,
        totals.conversions,
        totals.mills_per_part * case when totals.revenue_mills < 0 then -1 else 1 end as mills_per_part,
        {{ whole_quotient('abs(totals.revenue_mills)', 'totals.mills_per_part') }} as all_revenue_parts
    from removal_effects
    cross join totals

),

shared_conversions as (

    {{ shared_out('weighed', 'effect_parts', credit_parts(), ['unit', 'model_order'], 'unit_id', 'share_parts') }}

),

shared_revenue as (

    {{ shared_out(
        'shared_conversions', 'share_parts', 'all_revenue_parts', ['unit', 'model_order'], 'unit_id', 'revenue_parts'
    ) }}

),

allocated as (

    select
        shared_revenue.model_order,
        shared_revenue.unit,
        shared_revenue.unit_id,
        shared_revenue.removal_effect,
        shared_revenue.share_parts * shared_revenue.conversions as conversion_parts,
        shared_revenue.revenue_parts * shared_revenue.mills_per_part as revenue_mills,
        reach.journeys,
        reach.converting_journeys
    from shared_revenue
    inner join reach
        on
            shared_revenue.unit = reach.unit
            and shared_revenue.unit_id = reach.unit_id

),

orders as (

    select 1 as model_order
    union all
    select 2 as model_order
    union all
    select 3 as model_order

),

units as (

    select 'channel' as unit
    union all
    select 'partner' as unit

),

-- Conversions without a touch are in no chain; the explicit row keeps the totals whole.
without_touches as (

    select
        orders.model_order,
        units.unit,
        'unattributed' as unit_id,
        cast(0 as {{ double_type() }}) as removal_effect,
        totals.conversions_unattributed * {{ credit_parts() }} as conversion_parts,
        totals.revenue_mills_unattributed as revenue_mills,
        totals.conversions_unattributed as journeys,
        totals.conversions_unattributed as converting_journeys
    from totals
    cross join orders
    cross join units
    where totals.conversions_unattributed > 0

),

gathered as (

    select * from allocated
    union all
    select * from without_touches

),

small_sample as (

    select value as journeys
    from settings
    where setting = 'small_sample_journeys'

),

final as (

    select
        gathered.model_order,
        gathered.unit,
        gathered.unit_id,
        cast(gathered.removal_effect as {{ fraction() }}) as removal_effect,
        {{ parts_to_number('gathered.conversion_parts') }} as conversions,
        {{ mills_to_total('gathered.revenue_mills') }} as revenue,
        gathered.journeys,
        gathered.converting_journeys < small_sample.journeys as small_sample,
        gathered.converting_journeys
    from gathered
    cross join small_sample

)

select * from final
