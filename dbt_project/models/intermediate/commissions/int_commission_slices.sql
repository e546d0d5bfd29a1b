with

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

plans as (

    {{ numbered_plans() }}

),

rates as (

    select * from {{ ref('int_commission_rates') }}
    where component = 'percentage'

),

versions as (

    select distinct
        rates.plan_id,
        rates.plan_version,
        plans.tier_mode
    from rates
    inner join plans using (plan_id, plan_version)

),

changed_plans as (

    select plan_id
    from versions
    group by plan_id
    having count(*) > 1

),

-- The basis period is the original payment's; a refund comes off the period that its payment went into.
periods as (

    select
        bases.base_key,
        bases.payment_key,
        bases.partner_id,
        bases.plan_id,
        bases.plan_version,
        bases.plan_currency,
        bases.plan_fine,
        bases.plan_fine_so_far,
        bases.moved_on,
        bases.paid_on,
        plans.tier_basis,
        plans.tier_mode,
        {{ number_pair('bases.partner_key', 'plans.basis_key') }} as basis_key,
        {{ basis_period('plans.tier_basis', 'bases.paid_on') }} as basis_period
    from bases
    inner join plans using (plan_id, plan_version)

),

-- A movement's key is its place in time, and begins the base's: the bases of a partner and plan are in the order of
-- their keys.
basis_totals as (

    select
        base_key,
        cast(
            sum(plan_fine) over (
                partition by basis_key, basis_period
                order by base_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as running_after
    from periods

),

version_totals as (

    select
        periods.base_key,
        cast(
            sum(periods.plan_fine) over (
                partition by periods.basis_key, periods.basis_period, periods.plan_version
                order by periods.base_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as version_after
    from periods
    inner join changed_plans using (plan_id)

),

running as (

    select
        periods.*,
        basis_totals.running_after,
        coalesce(version_totals.version_after, basis_totals.running_after) as version_after
    from periods
    inner join basis_totals using (base_key)
    left join version_totals using (base_key)

),

-- Twelve months that trail: what the partner's payments of the twelve months before had brought when this one came.
trailing_movements as (

    select
        periods.*,
        row_number() over (
            partition by periods.partner_id, periods.plan_id, periods.plan_currency
            order by periods.base_key
        ) as sequence
    from periods
    where
        periods.plan_id in (
            select plans.plan_id from plans
            where plans.tier_basis = 'trailing_12_months' and plans.tier_mode <> 'status'
        )

),

trailing_starts as (

    {% call first_of_each('payment_key, partner_id, plan_id', 'sequence') %}
    select
        payment_key,
        partner_id,
        plan_id,
        plan_currency,
        sequence,
        paid_on,
        plan_fine
    from trailing_movements
    where tier_basis = 'trailing_12_months' and tier_mode <> 'status'
    {% endcall %}

),

trailing_positions as (

    select
        trailing_starts.payment_key,
        trailing_starts.partner_id,
        trailing_starts.plan_id,
        max(trailing_starts.plan_fine) as first_fine,
        cast(coalesce(sum(trailing_movements.plan_fine), 0) as {{ wide_integer() }}) as starts_at
    from trailing_starts
    left join trailing_movements
        on
            trailing_starts.partner_id = trailing_movements.partner_id
            and trailing_starts.plan_id = trailing_movements.plan_id
            and trailing_starts.plan_currency = trailing_movements.plan_currency
            and trailing_starts.sequence > trailing_movements.sequence
            and trailing_movements.paid_on > {{ months_after('trailing_starts.paid_on', -12) }}
    group by trailing_starts.payment_key, trailing_starts.partner_id, trailing_starts.plan_id

),

status_plans as (

    select distinct plan_id
    from plans
    where tier_mode = 'status'

),

monthly as (

    select
        periods.partner_id,
        periods.plan_id,
        periods.plan_currency,
        cast(date_trunc('month', periods.paid_on) as date) as paid_month,
        cast(date_trunc('month', periods.moved_on) as date) as moved_month,
        cast(sum(periods.plan_fine) as {{ wide_integer() }}) as plan_fine
    from periods
    inner join status_plans using (plan_id)
    group by periods.partner_id, periods.plan_id, periods.plan_currency, paid_month, moved_month

),

status_months as (

    select distinct
        partner_id,
        plan_id,
        plan_currency,
        tier_basis,
        cast(date_trunc('month', paid_on) as date) as month
    from periods
    where tier_mode = 'status'

),

-- The basis as it stood at the end of the month before: that month, its year, the twelve months up to it, or all.
statuses as (

    select
        status_months.partner_id,
        status_months.plan_id,
        status_months.plan_currency,
        status_months.tier_basis,
        status_months.month,
        cast(coalesce(sum(monthly.plan_fine), 0) as {{ wide_integer() }}) as held_fine
    from status_months
    left join monthly
        on
            status_months.partner_id = monthly.partner_id
            and status_months.plan_id = monthly.plan_id
            and status_months.plan_currency = monthly.plan_currency
            and status_months.month > monthly.moved_month
            and monthly.paid_month >= {{ basis_first_month(
                'status_months.tier_basis', months_after('status_months.month', -1)
            ) }}
    group by
        status_months.partner_id, status_months.plan_id, status_months.plan_currency, status_months.tier_basis,
        status_months.month

),

-- Where revenue stands in the tiers. What trails, and what a status decides, is looked up; the others need not be.
placed as (

    select
        running.*,
        cast(null as {{ wide_integer() }}) as fixed_position,
        running.running_after as position_after,
        changed_plans.plan_id is not null as is_versioned
    from running
    left join changed_plans on running.plan_id = changed_plans.plan_id
    where running.tier_mode <> 'status' and running.tier_basis <> 'trailing_12_months'
    union all
    select
        running.*,
        case
            when running.tier_mode = 'status' then statuses.held_fine
            when running.tier_mode = 'whole' then trailing_positions.starts_at + trailing_positions.first_fine
        end as fixed_position,
        case
            when running.tier_basis = 'trailing_12_months' then trailing_positions.starts_at + running.plan_fine_so_far
            else running.running_after
        end as position_after,
        changed_plans.plan_id is not null and running.tier_basis <> 'trailing_12_months' as is_versioned
    from running
    left join changed_plans on running.plan_id = changed_plans.plan_id
    left join trailing_positions
        on
            running.payment_key = trailing_positions.payment_key
            and running.partner_id = trailing_positions.partner_id
            and running.plan_id = trailing_positions.plan_id
    left join statuses
        on
            running.partner_id = statuses.partner_id
            and running.plan_id = statuses.plan_id
            and running.plan_currency = statuses.plan_currency
            and running.tier_basis = statuses.tier_basis
            and date_trunc('month', running.paid_on) = statuses.month
    where running.tier_mode = 'status' or running.tier_basis = 'trailing_12_months'

),

bounded as (

    select
        placed.*,
        position_after - plan_fine as position_before,
        greatest(position_after, position_after - plan_fine) as high,
        least(position_after, position_after - plan_fine) as low,
        least(version_after, version_after - plan_fine) as version_low,
        case when plan_fine < 0 then -1 else 1 end as direction,
        case
            when fixed_position is not null then 'fixed'
            when tier_mode = 'marginal' and is_versioned then 'stacked'
            else tier_mode
        end as pricing
    from placed

),

-- A plan that changed: what each of its versions has brought in the basis period, before and after each movement.
version_states as (

    select
        bounded.*,
        versions.plan_version as priced_version,
        versions.tier_mode as priced_mode,
        case when versions.plan_version = bounded.plan_version then bounded.plan_fine else 0 end as version_fine,
        cast(
            sum(case when versions.plan_version = bounded.plan_version then bounded.plan_fine else 0 end) over (
                partition by bounded.basis_key, bounded.basis_period, versions.plan_version
                order by bounded.base_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as version_revenue
    from bounded
    inner join versions on bounded.plan_id = versions.plan_id
    where bounded.is_versioned

),

-- The versions' revenues stand on one another in the tiers, the earliest version lowest: a function of what there is.
stacked as (

    select
        version_states.*,
        cast(sum(version_revenue) over stack as {{ wide_integer() }}) as top_after,
        cast(sum(version_revenue - version_fine) over stack as {{ wide_integer() }}) as top_before
    from version_states
    window stack as (
        partition by base_key
        order by priced_version
        rows between unbounded preceding and current row
    )

),

stacked_slices as (

    select
        stacked.base_key,
        case when stacked.priced_version = stacked.plan_version then 'percentage' else 're_rate' end as component,
        case when stacked.priced_version = stacked.plan_version then '' else 'v' || stacked.priced_version || ':' end
        || cast(rates.tier_number as {{ text_type() }}) as slice,
        rates.tier_number,
        rates.tier,
        rates.rate,
        greatest(
            least(stacked.top_after, rates.to_fine)
            - greatest(stacked.top_after - stacked.version_revenue, rates.from_fine),
            0
        )
        - greatest(
            least(stacked.top_before, rates.to_fine)
            - greatest(stacked.top_before - stacked.version_revenue + stacked.version_fine, rates.from_fine),
            0
        ) as slice_fine,
        rates.rate_units,
        null as re_rated_version,
        case when stacked.priced_version = stacked.plan_version then stacked.top_before end as starts_at
    from stacked
    inner join rates on stacked.plan_id = rates.plan_id and stacked.priced_version = rates.plan_version
    where stacked.priced_mode = 'marginal'

),

marginal as (

    select
        bounded.base_key,
        'percentage' as component,
        cast(rates.tier_number as {{ text_type() }}) as slice,
        rates.tier_number,
        rates.tier,
        rates.rate,
        bounded.direction * (least(bounded.high, rates.to_fine) - greatest(bounded.low, rates.from_fine)) as slice_fine,
        rates.rate_units,
        cast(null as integer) as re_rated_version,
        bounded.position_before as starts_at
    from bounded
    inner join rates
        on
            bounded.plan_id = rates.plan_id
            and bounded.plan_version = rates.plan_version
            and bounded.high > rates.from_fine
            and bounded.low < rates.to_fine
    where bounded.pricing = 'marginal' and bounded.plan_fine <> 0

),

single as (

    select
        bounded.base_key,
        'percentage' as component,
        cast(rates.tier_number as {{ text_type() }}) as slice,
        rates.tier_number,
        rates.tier,
        rates.rate,
        bounded.plan_fine as slice_fine,
        rates.rate_units,
        null as re_rated_version,
        null as starts_at
    from bounded
    inner join rates
        on
            bounded.plan_id = rates.plan_id
            and bounded.plan_version = rates.plan_version
            and coalesce(bounded.fixed_position, bounded.high) >= rates.from_fine
            and coalesce(bounded.fixed_position, bounded.high) < rates.to_fine
    where bounded.pricing in ('whole', 'fixed') and bounded.plan_fine <> 0

),

-- All of the period is at the tier reached: the version's revenue before, and the other versions' at their own rates.
earned_before as (

    select
        base_key,
        plan_id,
        plan_version,
        '' as slice_of,
        high,
        low,
        direction * version_low as slice_fine
    from bounded
    where pricing = 'whole'
    union all
    select
        base_key,
        plan_id,
        priced_version as plan_version,
        'v' || priced_version || ':' as slice_of,
        high,
        low,
        direction * version_revenue as slice_fine
    from stacked
    where priced_mode = 'whole' and priced_version <> plan_version

),

-- A tier that is reached, or lost again, changes the rate of that.
re_rated as (

    select
        earned_before.base_key,
        're_rate' as component,
        earned_before.slice_of || cast(low_rates.tier_number as {{ text_type() }})
        || '-' || cast(high_rates.tier_number as {{ text_type() }}) as slice,
        high_rates.tier_number,
        high_rates.tier,
        high_rates.rate - low_rates.rate as rate,
        earned_before.slice_fine,
        high_rates.rate_units - low_rates.rate_units as rate_units,
        earned_before.plan_version as re_rated_version,
        null as starts_at
    from earned_before
    inner join rates as high_rates
        on
            earned_before.plan_id = high_rates.plan_id
            and earned_before.plan_version = high_rates.plan_version
            and earned_before.high >= high_rates.from_fine
            and earned_before.high < high_rates.to_fine
    inner join rates as low_rates
        on
            earned_before.plan_id = low_rates.plan_id
            and earned_before.plan_version = low_rates.plan_version
            and earned_before.low >= low_rates.from_fine
            and earned_before.low < low_rates.to_fine
    where earned_before.slice_fine <> 0 and high_rates.tier_number <> low_rates.tier_number

),

final as (

    select * from marginal
    union all
    select * from single
    union all
    select * from re_rated
    union all
    select * from stacked_slices
    where slice_fine <> 0

)

select * from final
