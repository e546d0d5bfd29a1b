with

slices as (

    select * from {{ ref('int_commission_slices') }}
    where re_rated_version is not null

),

bases as (

    select * from {{ ref('int_commission_bases') }}
    where is_earning

),

plans as (

    {{ numbered_plans() }}

),

-- What a movement re-rates: the revenue before it of one version of the plan; after it, where it takes back.
re_rated as (

    select
        slices.*,
        bases.movement_key,
        bases.part_number,
        bases.partner_id,
        bases.plan_id,
        bases.plan_version,
        {{ number_pair('bases.partner_key', 'plans.basis_key') }} as basis_key,
        {{ basis_period('plans.tier_basis', 'bases.paid_on') }} as basis_period,
        case when bases.plan_fine < 0 then -1 else 1 end as direction
    from slices
    inner join bases using (base_key)
    inner join plans using (plan_id, plan_version)

),

re_rated_plans as (

    select distinct
        plan_id,
        re_rated_version as plan_version
    from re_rated

),

-- In the order of time, the revenue of a partner, version and basis period, and what re-rates it.
steps as (

    select
        {{ number_pair('bases.partner_key', 'plans.basis_key') }} as basis_key,
        bases.plan_version,
        {{ basis_period('plans.tier_basis', 'bases.paid_on') }} as basis_period,
        bases.movement_key,
        bases.part_number,
        1 as place,
        0 as re_rate_count,
        cast(null as bigint) as base_key,
        bases.invoice_key,
        bases.plan_fine
    from bases
    inner join re_rated_plans using (plan_id, plan_version)
    inner join plans using (plan_id, plan_version)
    union all
    select
        basis_key,
        re_rated_version as plan_version,
        basis_period,
        movement_key,
        part_number,
        1 - direction as place,
        1 as re_rate_count,
        base_key,
        null as invoice_key,
        null as plan_fine
    from re_rated

),

numbered as (

    select
        steps.*,
        dense_rank() over (order by basis_key, basis_period, plan_version) as period_key,
        cast(
            sum(re_rate_count) over (
                partition by basis_key, basis_period, plan_version
                order by movement_key, part_number, place
                rows between unbounded preceding and current row
            ) as bigint
        ) as re_rates_so_far,
        cast(
            sum(re_rate_count) over (
                partition by basis_key, basis_period, plan_version
            ) as bigint
        ) as re_rates_in_all
    from steps

),

-- What an invoice has brought stands until its next movement: it is re-rated by what comes between the two, and by
-- nothing else. A pair for each of those is all there is to look at, however often a tier is reached and lost again.
standing as (

    select
        period_key,
        invoice_key,
        re_rates_so_far + 1 as first_re_rate,
        coalesce(
            lead(re_rates_so_far) over (partition by period_key, invoice_key order by movement_key, part_number),
            re_rates_in_all
        ) as last_re_rate,
        cast(
            sum(plan_fine) over (
                partition by period_key, invoice_key
                order by movement_key, part_number
                rows between unbounded preceding and current row
            ) as {{ wide_integer() }}
        ) as standing_fine
    from numbered
    where re_rate_count = 0

),

revenues as (

    select
        period_key,
        invoice_key,
        standing_fine,
        {{ each_number('first_re_rate', 'last_re_rate') }} as re_rates_so_far
    from standing
    where standing_fine <> 0 and first_re_rate <= last_re_rate

),

final as (

    select
        re_rated.base_key,
        re_rated.movement_key,
        re_rated.part_number,
        re_rated.partner_id,
        re_rated.plan_id,
        re_rated.plan_version,
        re_rated.re_rated_version,
        re_rated.slice,
        re_rated.tier_number,
        re_rated.tier,
        re_rated.rate,
        re_rated.rate_units,
        re_rated.basis_period,
        re_rated.direction,
        revenues.invoice_key,
        re_rated.direction * revenues.standing_fine as priced_fine,
        re_rated.direction * revenues.standing_fine * re_rated.rate_units as exact_e20
    from revenues
    inner join numbered using (period_key, re_rates_so_far)
    inner join re_rated
        on
            numbered.base_key = re_rated.base_key
            and numbered.plan_version = re_rated.re_rated_version
    where numbered.re_rate_count = 1

)

select * from final
