{{ config(materialized='view') }}
with

slices as (

    select * from {{ ref('int_commission_slices') }}

),

re_rates as (

    select * from {{ ref('int_commission_re_rates') }}

),

bases as (

    select * from {{ ref('int_commission_bases') }}

),

fees as (

    select * from {{ ref('int_commission_fees') }}

),

plans as (

    {{ numbered_plans() }}

),

-- What a payment of a shared order brings later at another rate than its first is re-rated: a tier is one partner's,
-- and the shares of the others stay what they were.
first_rates as (

    select
        slices.base_key,
        slices.rate_units,
        first_value(slices.rate_units) over (
            partition by bases.payment_key, bases.partner_id order by bases.base_key
        ) as first_rate_units
    from slices
    inner join bases using (base_key)
    inner join plans using (plan_id, plan_version)
    where
        slices.component = 'percentage'
        and plans.tier_mode = 'whole'
        and bases.share <> 1

),

later_rates as (

    select * from first_rates
    where rate_units <> first_rate_units

),

{% set of_the_slice %}
        bases.part_number,
        bases.partner_id,
        plans.plan_key,
        bases.plan_id,
        bases.plan_version,
        slices.component,
        slices.slice,
        slices.tier_number,
        slices.tier,
        slices.rate,
{%- endset -%}

-- Slices of bases, and fees, whose keys and deals' keys are negative, so that both have one key.
final as (

    select
        slices.base_key,
        bases.movement_key,
        bases.invoice_key as order_key,
        false as is_re_rate,
        {{- of_the_slice }}
        case when slices.component = 'percentage' then slices.slice_fine else 0 end as slice_fine,
        slices.slice_fine as priced_fine,
        slices.slice_fine * case
            when slices.component = 'percentage' then coalesce(later_rates.first_rate_units, slices.rate_units)
            else slices.rate_units
        end as exact_e20
    from slices
    inner join bases on slices.base_key = bases.base_key
    inner join plans
        on
            bases.plan_id = plans.plan_id
            and bases.plan_version = plans.plan_version
    left join later_rates on slices.base_key = later_rates.base_key
    where slices.re_rated_version is null
    union all
    select
        slices.base_key,
        bases.movement_key,
        bases.invoice_key as order_key,
        true as is_re_rate,
        {{- of_the_slice }}
        0 as slice_fine,
        0 as priced_fine,
        slices.slice_fine * (later_rates.rate_units - later_rates.first_rate_units) as exact_e20
    from later_rates
    inner join slices using (base_key)
    inner join bases using (base_key)
    inner join plans using (plan_id, plan_version)
    where slices.component = 'percentage'
    union all
    -- A tier that is reached or lost is a matter of the invoices that it re-rates.
    select
        re_rates.base_key,
        re_rates.movement_key,
        re_rates.invoice_key as order_key,
        true as is_re_rate,
        re_rates.part_number,
        re_rates.partner_id,
        plans.plan_key,
        re_rates.plan_id,
        re_rates.plan_version,
        're_rate' as component,
        re_rates.slice,
        re_rates.tier_number,
        re_rates.tier,
        re_rates.rate,
        0 as slice_fine,
        re_rates.priced_fine,
        re_rates.exact_e20
    from re_rates
    inner join plans
        on
            re_rates.plan_id = plans.plan_id
            and re_rates.re_rated_version = plans.plan_version
    union all
    select
        fees.fee_key as base_key,
        fees.deal_key as movement_key,
        fees.deal_key as order_key,
        false as is_re_rate,
        1 as part_number,
        fees.partner_id,
        plans.plan_key,
        fees.plan_id,
        fees.plan_version,
        'fixed_fee' as component,
        cast(fees.tier_number as {{ text_type() }}) as slice,
        fees.tier_number,
        fees.tier,
        fees.volume_rate as rate,
        0 as slice_fine,
        0 as priced_fine,
        fees.exact_e20
    from fees
    inner join plans using (plan_id, plan_version)
    where not fees.is_without_rate

)

select * from final
