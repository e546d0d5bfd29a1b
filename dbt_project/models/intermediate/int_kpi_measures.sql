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
        bool_or(is_daily) as is_daily,
        bool_or(is_weekly) as is_weekly
    from parts
    group by measure

),

flows as (

    select
        measure,
        occurred_on,
        partner_id,
        influence,
        entity_id,
        amount
    from facts
    union all
    select
        'investment' as measure,
        spent_on as occurred_on,
        partner_id,
        null as influence,
        investment_id as entity_id,
        reporting_amount as amount
    from investments
    union all
    select
        'quality' as measure,
        month as occurred_on,
        partner_id,
        null as influence,
        partner_id || ' ' || cast(month as varchar) as entity_id,
        quality_score as amount
    from partner_months
    where is_active and quality_score is not null

),

grains as (

    select distinct grain
    from periods

),

dated as (

    select
        grains.grain,
        {{ period_start('grains.grain', 'flows.occurred_on') }} as period_start,
        cast(date_trunc('month', flows.occurred_on) as date) as member_month,
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
        cast(date_trunc('month', {{ days_after('periods.known_until', -1) }}) as date) as member_month,
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

partner_months_in_use as (

    select distinct
        partner_id,
        member_month
    from dated
    where partner_id is not null

),

-- A partner of several programmes counts in each of them, in the months in which it is enrolled.
programmes as (

    select distinct
        partner_months_in_use.partner_id,
        partner_months_in_use.member_month,
        coalesce(enrolments.programme, 'none') as programme
    from partner_months_in_use
    left join enrolments
        on
            partner_months_in_use.partner_id = enrolments.partner_id
            and {{ months_after('partner_months_in_use.member_month', 1) }} > enrolments.starts_on
            and (enrolments.ends_on is null or partner_months_in_use.member_month < enrolments.ends_on)

),

members as (

    select
        partner_id,
        member_month,
        'partner' as dimension,
        partner_id as dimension_value
    from partner_months_in_use
    union all
    select
        partner_months_in_use.partner_id,
        partner_months_in_use.member_month,
        'partner_type' as dimension,
        coalesce(partners.partner_type, 'unknown') as dimension_value
    from partner_months_in_use
    left join partners on partner_months_in_use.partner_id = partners.partner_id
    union all
    select
        partner_months_in_use.partner_id,
        partner_months_in_use.member_month,
        'country' as dimension,
        coalesce(partners.country, 'unknown') as dimension_value
    from partner_months_in_use
    left join partners on partner_months_in_use.partner_id = partners.partner_id
    union all
    select
        partner_id,
        member_month,
        'programme' as dimension,
        programme as dimension_value
    from programmes

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
        members.dimension,
        members.dimension_value,
        dated.measure,
        dated.entity_id,
        dated.amount
    from dated
    inner join members
        on
            dated.partner_id = members.partner_id
            and dated.member_month = members.member_month
    -- A day is too short to judge one partner by.
    where not (dated.grain = 'day' and members.dimension = 'partner')

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
    group by all

)

select * from final
