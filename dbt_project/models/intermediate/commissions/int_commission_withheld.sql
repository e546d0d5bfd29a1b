with

revenue as (

    select * from {{ ref('int_commission_withheld_revenue') }}

),

uplifts as (

    select * from {{ ref('int_commission_withheld_uplifts') }}

),

bonuses as (

    select * from {{ ref('int_commission_withheld_bonuses') }}

),

caps as (

    select * from {{ ref('int_commission_withheld_caps') }}

),

entitlement as (

    select * from {{ ref('int_commission_entitlement') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

parts as (

    select
        base_key,
        component,
        slice,
        reason,
        base_fine,
        exact_e20
    from revenue
    union all
    select
        base_key,
        component,
        slice,
        reason,
        null as base_fine,
        exact_e20
    from uplifts
    union all
    select
        base_key,
        component,
        slice,
        reason,
        base_fine,
        exact_e20
    from bonuses
    union all
    select
        base_key,
        component,
        slice,
        reason,
        0 as base_fine,
        exact_e20
    from caps

),

-- Rounded towards zero: a line is never less than its parts.
counted as (

    select
        entitlement.line_key,
        entitlement.amount as line_amount,
        entitlement.base_amount as line_base_amount,
        parts.reason,
        parts.base_fine,
        currencies.minor_unit,
        {{ truncated_ratio(
            round_ratio('parts.exact_e20', 10 ** 10), exact_per_minor_unit('currencies.minor_unit')
        ) }} as unit_count
    from parts
    inner join entitlement
        on
            parts.base_key = entitlement.base_key
            and parts.component = entitlement.component
            and coalesce(parts.slice, entitlement.slice) = entitlement.slice
    left join currencies on entitlement.currency = currencies.currency
    where parts.exact_e20 <> 0

),

summed as (

    select
        line_key,
        line_amount,
        line_base_amount,
        min(reason) as reason,
        cast(sum(coalesce(base_fine, 0)) as {{ wide_integer() }}) as base_fine,
        {{ minor_units_to_money('cast(sum(unit_count) as ' ~ wide_integer() ~ ')', 'max(minor_unit)') }} as amount,
        {{ minor_units_to_money(
            'cast(sum(case when base_fine is null then unit_count else 0 end) as ' ~ wide_integer() ~ ')',
            'max(minor_unit)'
        ) }} as unbased_amount
    from counted
    group by line_key, line_amount, line_base_amount

),

-- Of the base as much as of the amount, where a part has no base of its own.
final as (

    select
        line_key,
        reason,
        cast(
            {{ mills_to_money(round_ratio('base_fine', 10 ** 9)) }}
            + case
                when unbased_amount < 0
                    then {{ mills_to_money(round_ratio(
                        to_units('line_base_amount', 3) ~ ' * ' ~ to_units('-unbased_amount', 3),
                        to_units('-line_amount', 3)
                    )) }}
                else 0
            end
            as {{ money() }}
        ) as base_amount,
        cast(
            case when amount > 0 then least(amount, line_amount) else greatest(amount, line_amount) end
            as {{ money() }}
        ) as amount
    from summed
    where amount * line_amount > 0

)

select * from final
