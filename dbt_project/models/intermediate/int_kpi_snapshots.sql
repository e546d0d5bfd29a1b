{#- How long a partner has for its first revenue. -#}
{%- set success_days = 180 -%}

with

periods as (

    select * from {{ ref('int_kpi_periods') }}

),

spans as (

    select * from {{ ref('int_partner_activity_spans') }}

),

partners as (

    select
        partner_id,
        {{ report_day('signed_at') }} as signed_on
    from {{ ref('int_partners') }}

),

training as (

    select
        training_id,
        partner_id,
        {{ report_day('coalesce(assigned_at, completed_at)') }} as assigned_on,
        {{ report_day('completed_at') }} as completed_on
    from {{ ref('int_training') }}

),

revenue as (

    select * from {{ ref('int_kpi_revenue') }}

),

report_periods as (

    select * from periods
    where grain <> 'day'

),

active as (

    select
        periods.grain,
        periods.period_start,
        periods.known_until,
        spans.partner_id
    from periods
    inner join spans
        on
            periods.known_until > spans.active_from
            and periods.known_until <= spans.active_until

),

active_year_before as (

    select
        report_periods.grain,
        report_periods.period_start,
        spans.partner_id
    from report_periods
    inner join spans
        on
            report_periods.year_before > spans.active_from
            and report_periods.year_before <= spans.active_until

),

-- What came before the signature did not come of it.
first_revenue as (

    select
        revenue.partner_id,
        min(revenue.occurred_on) as first_on
    from revenue
    inner join partners on revenue.partner_id = partners.partner_id
    where revenue.net_collected > 0 and revenue.share > 0 and revenue.occurred_on >= partners.signed_on
    group by revenue.partner_id

),

matured as (

    select
        report_periods.grain,
        report_periods.period_start,
        partners.partner_id,
        coalesce(first_revenue.first_on <= {{ days_after('partners.signed_on', success_days) }}, false) as succeeded
    from report_periods
    inner join partners on report_periods.known_until > {{ days_after('partners.signed_on', success_days) }}
    left join first_revenue on partners.partner_id = first_revenue.partner_id

),

trained as (

    select
        report_periods.grain,
        report_periods.period_start,
        training.partner_id,
        training.training_id,
        coalesce(training.completed_on < report_periods.known_until, false) as is_completed
    from report_periods
    inner join training on report_periods.known_until > training.assigned_on

),

partner_markets as (

    select
        'country:' || country as market,
        partner_id,
        occurred_on
    from revenue
    where net_collected > 0 and share > 0 and country is not null
    union all
    select
        'segment:' || segment as market,
        partner_id,
        occurred_on
    from revenue
    where net_collected > 0 and share > 0 and segment is not null

),

-- Partners whose revenue in a market came on its first day opened it together.
opened_markets as (

    {% call only_rows('occurred_on = min(occurred_on) over (partition by market)') %}
    select distinct
        market,
        partner_id,
        occurred_on
    from partner_markets
    {% endcall %}

),

final as (

    select
        grain,
        period_start,
        'active_partner' as measure,
        partner_id,
        partner_id as entity_id,
        cast(1 as {{ exact() }}) as amount
    from active
    union all
    select
        active.grain,
        active.period_start,
        'tenure' as measure,
        active.partner_id,
        active.partner_id as entity_id,
        cast({{ exact_ratio('(active.known_until - partners.signed_on) * 4800', '146100') }} as {{ exact() }}) as amount
    from active
    inner join partners on active.partner_id = partners.partner_id
    where active.grain <> 'day' and partners.signed_on < active.known_until
    union all
    select
        grain,
        period_start,
        'active_partner_year_ago' as measure,
        partner_id,
        partner_id as entity_id,
        1 as amount
    from active_year_before
    union all
    select
        active_year_before.grain,
        active_year_before.period_start,
        'retained_partner' as measure,
        active_year_before.partner_id,
        active_year_before.partner_id as entity_id,
        1 as amount
    from active_year_before
    inner join active
        on
            active_year_before.grain = active.grain
            and active_year_before.period_start = active.period_start
            and active_year_before.partner_id = active.partner_id
    union all
    select
        grain,
        period_start,
        'matured_partner' as measure,
        partner_id,
        partner_id as entity_id,
        1 as amount
    from matured
    union all
    select
        grain,
        period_start,
        'succeeded_partner' as measure,
        partner_id,
        partner_id as entity_id,
        1 as amount
    from matured
    where succeeded
    union all
    select
        grain,
        period_start,
        'assigned_training' as measure,
        partner_id,
        training_id as entity_id,
        1 as amount
    from trained
    union all
    select
        grain,
        period_start,
        'completed_training' as measure,
        partner_id,
        training_id as entity_id,
        1 as amount
    from trained
    where is_completed
    union all
    select
        report_periods.grain,
        report_periods.period_start,
        'new_market' as measure,
        opened_markets.partner_id,
        opened_markets.market as entity_id,
        1 as amount
    from report_periods
    inner join opened_markets
        on
            report_periods.known_until > opened_markets.occurred_on
            and report_periods.year_before <= opened_markets.occurred_on

)

select * from final
