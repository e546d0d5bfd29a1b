with

removal_effects as (

    select * from {{ ref('int_journeys_removal_effects') }}

),

journeys as (

    select * from {{ ref('int_journeys') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

settings as (

    select * from {{ ref('attribution_settings') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

markov_journeys as (

    select journeys.*
    from journeys
    inner join models
        on
            journeys.lookback_seconds = models.lookback_seconds
            and models.model = 'markov'

),

reach as (

    select
        'channel' as unit,
        channel as unit_id,
        count(distinct journey_id) as journeys,
        count(distinct case when conversion_id is not null then journey_id end) as converting_journeys
    from markov_journeys
    group by channel
    union all
    select
        'partner' as unit,
        coalesce(partner_id, 'no_partner') as unit_id,
        count(distinct journey_id) as journeys,
        count(distinct case when conversion_id is not null then journey_id end) as converting_journeys
    from markov_journeys
    group by coalesce(partner_id, 'no_partner')

),

touched as (

    select distinct
        conversion_kind,
        conversion_id
    from markov_journeys
    where conversion_id is not null

),

-- Revenue in the reporting currency at the rate of the day of the conversion; without a rate it is not counted.
valued as (

    select
        touched.conversion_id is not null as is_touched,
        {{ round_to_minor_unit('coalesce(conversions.amount * conversions.reporting_rate, 0)', 'currencies.minor_unit') }}
            as revenue,
        {{ mills_per_minor_unit('currencies.minor_unit') }} as mills_per_part
    from conversions
    left join touched
        on
            conversions.conversion_kind = touched.conversion_kind
            and conversions.conversion_id = touched.conversion_id
    left join currencies on conversions.reporting_currency = currencies.currency

),

totals as (

    select
        count(case when is_touched then 1 end) as conversions,
        count(case when not is_touched then 1 end) as conversions_unattributed,
        {{ to_units('coalesce(sum(case when is_touched then revenue end), 0)', 3) }} as revenue_mills,
        {{ to_units('coalesce(sum(case when not is_touched then revenue end), 0)', 3) }} as revenue_mills_unattributed,
        coalesce(max(mills_per_part), 10) as mills_per_part
    from valued

),

weighted as (

    select
        removal_effects.unit,
        removal_effects.model_order,
        removal_effects.unit_id,
        removal_effects.removal_effect,
        {{ credit_parts_of('removal_effects.removal_effect') }} as weight
    from removal_effects

),

summed as (

    select
        *,
        cast(
            greatest(sum(weight) over (partition by unit, model_order), 1) as {{ wide_integer() }}
        ) as all_weights
    from weighted

),

-- Shares in parts of 10^-12 and revenue in minor units, both by largest remainder, ties by the unit's id.
divided as (

    select
        *,
        {{ whole_quotient('weight * ' ~ credit_parts(), 'all_weights') }} as whole_parts,
        (weight * {{ credit_parts() }}) % all_weights as remainder
    from summed

),

ranked as (

    select
        *,
        case when all_weights > 1 then {{ credit_parts() }} else 0 end
        - sum(whole_parts) over (partition by unit, model_order) as parts_left,
        row_number() over (partition by unit, model_order order by remainder desc, unit_id) as claim
    from divided

),

shared as (

    select
        ranked.unit,
        ranked.model_order,
        ranked.unit_id,
        ranked.removal_effect,
        ranked.whole_parts + case when ranked.claim <= ranked.parts_left then 1 else 0 end as share_parts
    from ranked

),

divided_revenue as (

    select
        shared.*,
        totals.conversions,
        totals.mills_per_part,
        totals.revenue_mills,
        {{ whole_quotient(
            whole_quotient('abs(totals.revenue_mills)', 'totals.mills_per_part') ~ ' * shared.share_parts',
            credit_parts()
        ) }} as whole_revenue_parts,
        ({{ whole_quotient('abs(totals.revenue_mills)', 'totals.mills_per_part') }} * shared.share_parts)
        % {{ credit_parts() }} as remainder
    from shared
    cross join totals

),

ranked_revenue as (

    select
        *,
        case when all_shares > 0 then {{ whole_quotient('abs(revenue_mills)', 'mills_per_part') }} else 0 end
        - sum(whole_revenue_parts) over (partition by unit, model_order) as parts_left,
        row_number() over (partition by unit, model_order order by remainder desc, unit_id) as claim
    from (
        select
            *,
            sum(share_parts) over (partition by unit, model_order) as all_shares
        from divided_revenue
    ) as with_shares

),

allocated as (

    select
        ranked_revenue.model_order,
        ranked_revenue.unit,
        ranked_revenue.unit_id,
        ranked_revenue.removal_effect,
        ranked_revenue.share_parts * ranked_revenue.conversions as conversion_parts,
        (ranked_revenue.whole_revenue_parts
        + case when ranked_revenue.claim <= ranked_revenue.parts_left then 1 else 0 end)
        * ranked_revenue.mills_per_part
        * case when ranked_revenue.revenue_mills < 0 then -1 else 1 end as revenue_mills,
        reach.journeys,
        reach.converting_journeys
    from ranked_revenue
    inner join reach
        on
            ranked_revenue.unit = reach.unit
            and ranked_revenue.unit_id = reach.unit_id

),

-- Conversions without a touch are in no chain; the explicit row keeps the totals whole.
without_touches as (

    select
        chains.model_order,
        chains.unit,
        'unattributed' as unit_id,
        cast(0 as double) as removal_effect,
        totals.conversions_unattributed * {{ credit_parts() }} as conversion_parts,
        totals.revenue_mills_unattributed as revenue_mills,
        totals.conversions_unattributed as journeys,
        totals.conversions_unattributed as converting_journeys
    from totals
    cross join (
        select
            orders.model_order,
            units.unit
        from (select 1 as model_order union all select 2 as model_order union all select 3 as model_order) as orders
        cross join (select 'channel' as unit union all select 'partner' as unit) as units
    ) as chains
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
        {{ mills_to_money('gathered.revenue_mills') }} as revenue,
        gathered.journeys,
        gathered.converting_journeys < small_sample.journeys as small_sample,
        gathered.converting_journeys
    from gathered
    cross join small_sample

)

select * from final
