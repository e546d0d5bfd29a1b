with

definitions as (

    select * from {{ ref('kpi_definitions') }}

),

periods as (

    select * from {{ ref('int_kpi_periods') }}

),

measures as (

    select * from {{ ref('int_kpi_measures') }}

),

-- The whole company has a row for every period; a part of it, for those in which it or the period before has a fact.
cells as (

    select
        grain,
        period_start,
        'all' as dimension,
        'all' as dimension_value
    from periods
    union
    select
        grain,
        period_start,
        dimension,
        dimension_value
    from measures
    union
    select
        periods.grain,
        periods.period_start,
        measures.dimension,
        measures.dimension_value
    from periods
    inner join measures
        on
            periods.grain = measures.grain
            and periods.previous_start = measures.period_start

),

wanted as (

    select
        periods.grain,
        periods.period_start,
        periods.previous_start,
        periods.is_closed,
        cells.dimension,
        cells.dimension_value,
        -- Where the denominator is not split, a part is measured against the whole.
        case
            when definitions.denominator_scope = 'all' or cells.dimension = 'influence' then 'all' else cells.dimension
        end as denominator_dimension,
        case
            when definitions.denominator_scope = 'all' or cells.dimension = 'influence' then 'all'
            else cells.dimension_value
        end as denominator_part,
        definitions.*
    from cells
    inner join periods
        on
            cells.grain = periods.grain
            and cells.period_start = periods.period_start
    inner join definitions
        on
            case cells.grain
                when 'day' then definitions.is_daily
                when 'week' then definitions.is_weekly
                else true
            end
            and case cells.dimension
                when 'all' then true
                when 'partner' then definitions.by_partner
                when 'influence' then definitions.by_influence
                else definitions.by_group
            end

),

parts as (

    select
        wanted.*,
        case wanted.numerator_of
            when 'count' then coalesce(numerators.entities, 0)
            else coalesce(numerators.amount, 0)
        end as numerator_value,
        case wanted.denominator_of when 'count' then denominators.entities else denominators.amount end
            as denominator_value,
        coalesce(bases.entities, 0) as basis_count,
        coalesce(numerators.unconverted, 0)
        + case when wanted.denominator <> wanted.numerator then coalesce(denominators.unconverted, 0) else 0 end
            as unconverted_count
    from wanted
    left join measures as numerators
        on
            wanted.grain = numerators.grain
            and wanted.period_start = numerators.period_start
            and wanted.dimension = numerators.dimension
            and wanted.dimension_value = numerators.dimension_value
            and wanted.numerator = numerators.measure
    left join measures as denominators
        on
            wanted.grain = denominators.grain
            and wanted.period_start = denominators.period_start
            and wanted.denominator_dimension = denominators.dimension
            and wanted.denominator_part = denominators.dimension_value
            and wanted.denominator = denominators.measure
    left join measures as bases
        on
            wanted.grain = bases.grain
            and wanted.period_start = bases.period_start
            and wanted.dimension = bases.dimension
            and wanted.dimension_value = bases.dimension_value
            and wanted.basis = bases.measure

),

levels as (

    select
        *,
        cast(case
            -- Nor is a share of what was given back, or a return on it, a number.
            when denominator is not null and denominator_value <= 0 then null
            when formula = 'return'
                then {{ exact_ratio('scale * (numerator_value - denominator_value)', 'denominator_value') }}
            when denominator is null then numerator_value
            else {{ exact_ratio('scale * numerator_value', 'denominator_value') }}
        end as decimal(38, 12)) as level
    from parts

),

compared as (

    select
        *,
        case
            when lag(period_start) over periods_of_a_part = previous_start then lag(level) over periods_of_a_part
        end as previous_level
    from levels
    window periods_of_a_part as (
        partition by grain, kpi_code, dimension, dimension_value order by period_start
    )

),

-- Growth from nothing, or from a month of net refunds, is not a number.
final as (

    select
        grain,
        period_start,
        is_closed,
        kpi_code,
        dimension,
        dimension_value,
        unit,
        cast(case
            when formula <> 'growth' then level
            when previous_level > 0 then {{ exact_ratio('100 * (level - previous_level)', 'previous_level') }}
        end as {{ exact() }}) as value,
        basis_count,
        unconverted_count
    from compared

)

select * from final
