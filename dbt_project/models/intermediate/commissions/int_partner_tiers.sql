with

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

enrolments as (

    select * from {{ ref('int_enrolments') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

rates as (

    select * from {{ ref('int_commission_rates') }}
    where component = 'percentage'

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

monthly as (

    select
        partner_id,
        plan_id,
        cast(date_trunc('month', paid_on) as date) as paid_month,
        cast(date_trunc('month', moved_on) as date) as moved_month,
        cast(sum(plan_fine) as {{ wide_integer() }}) as plan_fine
    from bases
    group by partner_id, plan_id, paid_month, moved_month

),

span as (

    select
        cast(date_trunc('month', min(monthly.moved_month)) as date) as first_month,
        cast(date_trunc('month', max({{ local_day('parameters.as_of', 'parameters.timezone') }})) as date) as last_month
    from monthly
    cross join parameters

),

months as (

    select {{ each_month('first_month', 'last_month') }} as month
    from span

),

-- A partner has a tier of a plan in every month of the enrolment, from the first month with revenue of anyone on.
enrolled as (

    select distinct
        months.month,
        enrolments.partner_id,
        enrolments.plan_id
    from months
    inner join enrolments
        on
            enrolments.starts_on < {{ months_after('months.month', 1) }}
            and (enrolments.ends_on is null or months.month < enrolments.ends_on)

),

-- The newest version that was in force in the month.
versioned as (

    {% call first_of_each('enrolled.month, enrolled.partner_id, enrolled.plan_id', 'plans.effective_from desc') %}
    select
        enrolled.month,
        enrolled.partner_id,
        enrolled.plan_id,
        plans.plan_version,
        plans.programme,
        plans.currency,
        plans.tier_basis,
        plans.tier_mode
    from enrolled
    inner join plans
        on
            enrolled.plan_id = plans.plan_id
            and plans.effective_from < {{ months_after('enrolled.month', 1) }}
            and (plans.effective_to is null or enrolled.month < plans.effective_to)
    where plans.model <> 'fixed_fee'
    {% endcall %}

),

-- The basis at the end of the month, and as it stood at the end of the month before, which a status is held by.
summed as (

    select
        versioned.month,
        versioned.partner_id,
        versioned.plan_id,
        versioned.plan_version,
        versioned.programme,
        versioned.currency,
        versioned.tier_mode,
        coalesce(sum(
            case
                when
                    monthly.moved_month <= versioned.month
                    and monthly.paid_month >= {{ basis_first_month('versioned.tier_basis', 'versioned.month') }}
                    then monthly.plan_fine
            end
        ), 0) as basis_fine,
        coalesce(sum(
            case
                when
                    monthly.moved_month < versioned.month
                    and monthly.paid_month >= {{ basis_first_month(
                        'versioned.tier_basis', months_after('versioned.month', -1)
                    ) }}
                    then monthly.plan_fine
            end
        ), 0) as held_fine
    from versioned
    left join monthly
        on
            versioned.partner_id = monthly.partner_id
            and versioned.plan_id = monthly.plan_id
    group by
        versioned.month,
        versioned.partner_id,
        versioned.plan_id,
        versioned.plan_version,
        versioned.programme,
        versioned.currency,
        versioned.tier_mode

),

placed as (

    select
        summed.*,
        cast(
            case when summed.tier_mode = 'status' then summed.held_fine else summed.basis_fine end
            as {{ wide_integer() }}
        ) as position_fine,
        {{ mills_per_minor_unit('currencies.minor_unit') }} as minor_mills
    from summed
    inner join currencies on summed.currency = currencies.currency

),

final as (

    select
        placed.month,
        placed.partner_id,
        placed.plan_id,
        placed.plan_version,
        placed.programme,
        placed.currency,
        rates.tier_number,
        rates.tier,
        rates.rate,
        {{ mills_to_total(
            round_ratio('cast(placed.basis_fine as ' ~ wide_integer() ~ ')', '(placed.minor_mills * ' ~ 10 ** 9 ~ ')')
            ~ ' * placed.minor_mills'
        ) }} as basis_revenue,
        rates.to_value as next_tier_from,
        next_rates.tier as next_tier
    from placed
    inner join rates
        on
            placed.plan_id = rates.plan_id
            and placed.plan_version = rates.plan_version
            and placed.position_fine >= rates.from_fine
            and placed.position_fine < rates.to_fine
    left join rates as next_rates
        on
            rates.plan_id = next_rates.plan_id
            and rates.plan_version = next_rates.plan_version
            and rates.tier_number + 1 = next_rates.tier_number

)

select * from final
