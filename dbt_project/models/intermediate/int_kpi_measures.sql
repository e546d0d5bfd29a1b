with

definitions as (

    select * from {{ ref('kpi_definitions') }}

),

periods as (

    select * from {{ ref('int_kpi_periods') }}

),

facts as (

    select * from {{ ref('int_kpi_facts') }}

),

investments as (

    select * from {{ ref('int_kpi_investments') }}

),

partner_months as (

    select * from {{ ref('int_partner_months') }}

),

snapshots as (

    select * from {{ ref('int_kpi_snapshots') }}

),

partners as (

    select * from {{ ref('int_partners') }}

),

enrolments as (

    select * from {{ ref('int_enrolments') }}

),

versions as (

    select * from {{ ref('int_partner_versions') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

parts as (

    select
        numerator as measure,
        is_daily,
        is_weekly
    from definitions
    union all
    select
        denominator,
        is_daily,
        is_weekly
    from definitions
    where denominator is not null

),

used_measures as (

    select
        measure,
        {{ any_true('is_daily') }} as is_daily,
        {{ any_true('is_weekly') }} as is_weekly
    from parts
    group by measure

),

-- What is said of a month as a whole, a cost or a mark, belongs to what the partner was at its end.
flows as (

    select
        measure,
        occurred_on,
        occurred_on as member_on,
        partner_id,
        influence,
        entity_id,
        amount
    from facts
    union all
    select
        'investment' as measure,
        investments.spent_on as occurred_on,
        case
            when investments.kind = 'commission' then investments.spent_on
            else least({{ days_after(months_after('investments.spent_on', 1), -1) }}, parameters.as_of_on)
        end as member_on,
        investments.partner_id,
        null as influence,
        investments.investment_id as entity_id,
        investments.reporting_amount as amount
    from investments
    cross join parameters
    union all
    select
        'quality' as measure,
        partner_months.month as occurred_on,
        least({{ days_after(months_after('partner_months.month', 1), -1) }}, parameters.as_of_on) as member_on,
        partner_months.partner_id,
        null as influence,
        partner_months.partner_id || ' ' || cast(partner_months.month as {{ text_type() }}) as entity_id,
        partner_months.quality_score as amount
    from partner_months
    cross join parameters
    where partner_months.is_active and partner_months.quality_score is not null

),

grains as (

    select distinct grain
    from periods

),

dated as (

    select
        grains.grain,
        {{ period_start('grains.grain', 'flows.occurred_on') }} as period_start,
        flows.member_on,
        flows.measure,
        flows.partner_id,
        flows.influence,
        flows.entity_id,
        flows.amount
    from flows
    inner join used_measures on flows.measure = used_measures.measure
    inner join grains
        on
            grains.grain not in ('day', 'week')
            or (grains.grain = 'day' and used_measures.is_daily)
            or (grains.grain = 'week' and used_measures.is_weekly)
    union all
    select
        periods.grain,
        periods.period_start,
        {{ days_after('periods.known_until', -1) }} as member_on,
        snapshots.measure,
        snapshots.partner_id,
        null as influence,
        snapshots.entity_id,
        snapshots.amount
    from snapshots
    inner join periods
        on
            snapshots.grain = periods.grain
            and snapshots.period_start = periods.period_start

),

partner_days as (

    select distinct
        partner_id,
        member_on
    from dated
    where partner_id is not null

),

-- What changes is taken as it was on the day of the fact. A partner of several programmes counts in each of them.
changing_parts as (

    select distinct
        partner_days.partner_id,
        partner_days.member_on,
        'programme' as dimension,
        coalesce({{ word('enrolments.programme') }}, 'none') as dimension_value
    from partner_days
    left join enrolments
        on
            partner_days.partner_id = enrolments.partner_id
            and partner_days.member_on >= enrolments.starts_on
            and partner_days.member_on < coalesce(enrolments.ends_on, cast('9999-12-31' as date))
    union all
    select
        partner_days.partner_id,
        partner_days.member_on,
        'tier' as dimension,
        coalesce(versions.tier, 'none') as dimension_value
    from partner_days
    left join versions
        on
            partner_days.partner_id = versions.partner_id
            and partner_days.member_on >= versions.valid_from
            and partner_days.member_on < versions.valid_to

),

partners_in_use as (

    select distinct partner_id
    from partner_days

),

lasting_parts as (

    select
        partner_id,
        'partner' as dimension,
        partner_id as dimension_value
    from partners_in_use
    union all
    select
        partners_in_use.partner_id,
        'partner_type' as dimension,
        coalesce(partners.partner_type, 'unknown') as dimension_value
    from partners_in_use
    left join partners on partners_in_use.partner_id = partners.partner_id
    union all
    select
        partners_in_use.partner_id,
        'country' as dimension,
        coalesce(partners.country, 'unknown') as dimension_value
    from partners_in_use
    left join partners on partners_in_use.partner_id = partners.partner_id

),

cells as (

    select
        grain,
        period_start,
        'all' as dimension,
        'all' as dimension_value,
        measure,
        entity_id,
        amount
    from dated
    union all
    select
        grain,
        period_start,
        'influence' as dimension,
        influence as dimension_value,
        measure,
        entity_id,
        amount
    from dated
    where influence is not null
    union all
    select
        dated.grain,
        dated.period_start,
        lasting_parts.dimension,
        lasting_parts.dimension_value,
        dated.measure,
        dated.entity_id,
        dated.amount
    from dated
    inner join lasting_parts on dated.partner_id = lasting_parts.partner_id
    -- A day is too short to judge one partner by.
    where not (dated.grain = 'day' and lasting_parts.dimension = 'partner')
    union all
    select
        dated.grain,
        dated.period_start,
        changing_parts.dimension,
        changing_parts.dimension_value,
        dated.measure,
        dated.entity_id,
        dated.amount
    from dated
    inner join changing_parts
        on
            dated.partner_id = changing_parts.partner_id
            and dated.member_on = changing_parts.member_on

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        measure,
        cast(sum(amount) as {{ exact() }}) as amount,
        count(distinct entity_id) as entities,
        count(*) - count(amount) as unconverted
    from cells
    group by {{ first_columns(5) }}

)

select * from final
