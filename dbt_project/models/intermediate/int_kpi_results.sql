with

computed as (

    select * from {{ ref('int_kpi_values') }}

),

targets as (

    select * from {{ ref('kpi_targets') }}

),

roi_bands as (

    select * from {{ ref('roi_bands') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

rounded as (

    select
        {{ all_but(['value', 'unit'], 'computed') }},
        case when computed.unit = 'currency' then parameters.reporting_currency else computed.unit end as unit,
        cast(
            case
                when computed.unit = 'currency' then {{ reporting_money('computed.value', 'parameters.minor_unit') }}
                else round(computed.value, 6)
            end as {{ exact() }}
        ) as value
    from computed
    cross join parameters

),

-- A target a month is three times that in a quarter; what is asked from month to month is asked of months alone.
compared as (

    select
        rounded.*,
        case when roi_bands.partner_type is not null then '>=' else targets.operator end as operator,
        cast(
            case
                when roi_bands.partner_type is not null then roi_bands.roi_from
                when targets.basis = 'per_month' and rounded.grain = 'quarter' then targets.target * 3
                when targets.basis = 'per_month' and rounded.grain = 'year' then targets.target * 12
                else targets.target
            end as {{ exact() }}
        ) as target,
        cast(roi_bands.roi_to as {{ exact() }}) as target_to
    from rounded
    left join targets
        on
            rounded.kpi_code = targets.kpi_code
            and rounded.period_start >= targets.effective_from
            and (targets.effective_to is null or rounded.period_start < targets.effective_to)
            and (rounded.dimension = 'all' or (targets.scope = 'every' and rounded.dimension <> 'influence'))
            and case targets.basis
                when 'level' then true
                when 'per_month' then rounded.grain in ('month', 'quarter', 'year')
                else rounded.grain = 'month'
            end
    left join roi_bands
        on
            rounded.kpi_code = 'partner_roi'
            and rounded.dimension = 'partner_type'
            and rounded.dimension_value = roi_bands.partner_type
            and rounded.period_start >= roi_bands.effective_from
            and (roi_bands.effective_to is null or rounded.period_start < roi_bands.effective_to)

),

final as (

    select
        grain,
        period_start,
        is_closed,
        kpi_code,
        dimension,
        dimension_value,
        value,
        unit,
        operator,
        target,
        target_to,
        case
            when value is null then 'no_data'
            when target is null then 'no_target'
            when operator = '>=' and value >= target then 'on_target'
            when operator = '>' and value > target then 'on_target'
            when operator = '<' and value < target then 'on_target'
            when operator = '<=' and value <= target then 'on_target'
            else 'off_target'
        end as status,
        cast(basis_count as bigint) as basis_count,
        cast(unconverted_count as bigint) as unconverted_count
    from compared
    -- A partner of whom a KPI says nothing has no row.
    where dimension <> 'partner' or (value is not null and (basis_count > 0 or value <> 0))

)

select * from final
