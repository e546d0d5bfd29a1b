with

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

movements as (

    select * from {{ ref('int_billing_movements') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

bonuses as (

    select * from {{ ref('stg_plans__bonuses') }}

),

period_versions as (

    select * from {{ ref('int_commission_period_versions') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

-- A bonus is the period's and not an order's: the version of the period's end has its terms, and all versions' revenue
-- counts. Each has a number, by which a partner's movements are told apart: texts would take half of this model's time.
period_bonuses as (

    select
        row_number() over (
            order by
                period_versions.plan_id,
                period_versions.plan_currency,
                period_versions.period_kind,
                period_versions.period,
                bonuses.metric,
                bonuses.threshold,
                bonuses.kind
        ) as bonus_key,
        period_versions.plan_id,
        period_versions.plan_currency,
        period_versions.plan_version as deciding_version,
        period_versions.period_kind,
        period_versions.period,
        bonuses.metric,
        bonuses.threshold,
        bonuses.kind,
        bonuses.value,
        bonuses.metric || ' from ' || cast(bonuses.threshold as {{ text_type() }}) || ' ' || bonuses.kind as slice
    from period_versions
    inner join bonuses
        on
            period_versions.plan_id = bonuses.plan_id
            and period_versions.plan_version = bonuses.plan_version
    where period_versions.period_kind = case when bonuses.metric = 'quarterly_revenue' then 'quarter' else 'month' end

),

dated as (

    select
        *,
        'month' as period_kind,
        cast(date_trunc('month', paid_on) as date) as period
    from bases
    union all
    select
        *,
        'quarter' as period_kind,
        cast(date_trunc('quarter', paid_on) as date) as period
    from bases

),

-- The period is the original payment's: a refund takes from the month or quarter that its payment counted in.
measured as (

    select
        dated.base_key,
        dated.partner_id,
        dated.plan_id,
        dated.plan_version,
        dated.plan_currency,
        dated.period,
        movements.customer_id,
        dated.plan_fine,
        {{ number_pair('dated.partner_key', 'period_bonuses.bonus_key') }} as bonus_key,
        period_bonuses.deciding_version,
        period_bonuses.metric,
        period_bonuses.threshold,
        period_bonuses.kind,
        period_bonuses.value,
        period_bonuses.slice
    from dated
    inner join period_bonuses
        on
            dated.plan_id = period_bonuses.plan_id
            and dated.plan_currency = period_bonuses.plan_currency
            and dated.period_kind = period_bonuses.period_kind
            and dated.period = period_bonuses.period
    inner join movements on dated.movement_key = movements.movement_key
    where
        period_bonuses.metric <> 'new_customers'
        or date_trunc('month', dated.first_paid_on) = date_trunc('month', dated.paid_on)

),

running as (

    select
        measured.*,
        cast(
            sum(plan_fine) over (
                partition by bonus_key
                order by base_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as revenue_fine
    from measured

),

paying as (

    select
        running.*,
        cast(
            sum(plan_fine) over (
                partition by bonus_key, customer_id
                order by base_key
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as customer_fine
    from running
    where metric = 'new_customers'

),

-- A customer is new to the month while something of what it paid in that month is left.
counted as (

    select
        {{ all_but(['customer_fine']) }},
        sum(
            case when customer_fine > 0 then 1 else 0 end - case when customer_fine - plan_fine > 0 then 1 else 0 end
        ) over (
            partition by bonus_key
            order by base_key
            rows between unbounded preceding and current row
        ) as new_customers
    from paying
    union all
    select
        *,
        null as new_customers
    from running
    where metric <> 'new_customers'

),

reached as (

    select
        counted.*,
        case
            when metric = 'new_customers' then new_customers >= threshold
            else revenue_fine >= {{ to_units('threshold', 12) }}
        end as is_reached
    from counted

),

worth as (

    select
        reached.*,
        case when is_reached and kind = 'rate' then revenue_fine else 0 end as rewarded_fine,
        case
            when not is_reached then 0
            when kind = 'rate' then revenue_fine * {{ to_units('value', 8) }}
            else {{ to_units('value', 8) }} * {{ 10 ** 12 }}
        end as exact_e20
    from reached

),

stated as (

    select
        worth.*,
        plans.rounding,
        currencies.minor_unit,
        {{ exact_per_minor_unit('currencies.minor_unit') }} as minor_exact,
        {{ round_ratio('worth.exact_e20', 10 ** 10) }} as exact_units
    from worth
    inner join plans
        on
            worth.plan_id = plans.plan_id
            and worth.deciding_version = plans.plan_version
    left join currencies on plans.currency = currencies.currency

),

rounded as (

    select
        stated.*,
        {{ round_ratio('exact_units', 'minor_exact', 'rounding') }} as unit_count
    from stated

),

changed as (

    select
        rounded.*,
        unit_count - lag(unit_count, 1, 0) over period_before as count_change,
        exact_e20 - lag(exact_e20, 1, 0) over period_before as exact_change,
        rewarded_fine - lag(rewarded_fine, 1, 0) over period_before as rewarded_change,
        cast(is_reached as integer) - cast(lag(is_reached, 1, false) over period_before as integer) as direction
    from rounded
    window period_before as (partition by bonus_key order by base_key)

),

final as (

    select
        base_key,
        bonus_key,
        partner_id,
        plan_id,
        plan_version,
        plan_currency,
        metric,
        period,
        slice,
        direction,
        case when kind = 'rate' then cast(value as {{ fraction() }}) end as rate,
        {{ mills_to_money(round_ratio('rewarded_change', 10 ** 9)) }} as base_amount,
        cast(exact_change as {{ wide_integer() }}) as exact_e20,
        {{ minor_units_to_money('count_change', 'minor_unit') }} as amount
    from changed
    where count_change <> 0

)

select * from final
