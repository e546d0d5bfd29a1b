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

    select * from {{ ref('stg_plans__plans') }}

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
        bases.plan_currency,
        plans.tier_basis,
        {{ basis_period('plans.tier_basis', 'bases.paid_on') }} as basis_period,
        case when bases.plan_fine < 0 then -1 else 1 end as direction
    from slices
    inner join bases using (base_key)
    inner join plans using (plan_id, plan_version)

),

revenues as (

    select
        re_rated.base_key,
        re_rated.slice,
        bases.invoice_key,
        cast(sum(re_rated.direction * bases.plan_fine) as {{ wide_integer() }}) as priced_fine
    from re_rated
    inner join bases
        on
            re_rated.partner_id = bases.partner_id
            and re_rated.plan_id = bases.plan_id
            and re_rated.plan_currency = bases.plan_currency
            and re_rated.re_rated_version = bases.plan_version
            and re_rated.basis_period = {{ basis_period('re_rated.tier_basis', 'bases.paid_on') }}
            and (
                re_rated.movement_key > bases.movement_key
                or (re_rated.movement_key = bases.movement_key and re_rated.part_number > bases.part_number)
                or (re_rated.base_key = bases.base_key and re_rated.direction < 0)
            )
    group by re_rated.base_key, re_rated.slice, bases.invoice_key

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
        revenues.invoice_key,
        revenues.priced_fine,
        revenues.priced_fine * re_rated.rate_units as exact_e20
    from revenues
    inner join re_rated using (base_key, slice)
    where revenues.priced_fine <> 0

)

select * from final
