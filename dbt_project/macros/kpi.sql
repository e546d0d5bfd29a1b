{# The day an instant falls on in the time zone of the reports. #}
{% macro report_day(instant) -%}
    {{ local_day(instant, '(select timezone from ' ~ ref('stg_run__parameters') ~ ')') }}
{%- endmacro %}

{# The first day of the period that a day is in; the grain is day, week (from Monday), month, quarter or year. #}
{% macro period_start(grain, day) -%} cast(date_trunc({{ grain }}, {{ day }}) as date) {%- endmacro %}

{# The first day of the period after the one that begins on a day. #}
{% macro next_period_start(grain, day, periods=1) -%}
    {{ return(adapter.dispatch('next_period_start')(grain, day, periods)) }}
{%- endmacro %}
{% macro default__next_period_start(grain, day, periods) -%}
    cast(
        case {{ grain }}
            when 'day' then {{ day }} + {{ periods }} * interval 1 day
            when 'week' then {{ day }} + {{ periods }} * interval 7 day
            when 'month' then {{ day }} + {{ periods }} * interval 1 month
            when 'quarter' then {{ day }} + {{ periods }} * interval 3 month
            else {{ day }} + {{ periods }} * interval 12 month
        end as date
    )
{%- endmacro %}

{# What came back of an investment, in percent of it; null where nothing was invested, or less than nothing. #}
{% macro return_on(revenue, investment) -%}
    cast(
        round(
            case
                when {{ investment }} > 0
                    then {{ exact_ratio('100 * (' ~ revenue ~ ' - ' ~ investment ~ ')', investment) }}
            end,
            6
        ) as {{ exact() }}
    )
{%- endmacro %}

{#
    numerator / denominator to twelve decimals, half away from zero; null when the denominator is 0 or null. Counted in
    whole numbers, as the commissions are: an engine's division of decimals may pass through binary floating point.

    Where a whole number would have more than its 38 digits, floating point takes over: some 15 digits are right, and the
    build goes on. What no column holds, 10^18 and more, is null.
#}
{% macro exact_ratio(numerator, denominator) -%}
    {{ return(adapter.dispatch('exact_ratio')(numerator, denominator)) }}
{%- endmacro %}
{% macro default__exact_ratio(numerator, denominator) -%} {{ whole_ratio(numerator, denominator) }} {%- endmacro %}
{#
    DuckDB works out a shared part of an expression beforehand, even out of a `try`, and so one that overflows would stop
    the build. It leaves the branches of a case alone: the bounds of `whole_ratio` are asked first.
#}
{% macro duckdb__exact_ratio(numerator, denominator) -%}
    case
        when abs(try(cast({{ numerator }} as double))) < 8e15 and abs(try(cast({{ denominator }} as double))) < 8e27
            then try_cast({{ whole_ratio(numerator, denominator) }} as decimal(30, 12))
        else
            try_cast(
                try(cast({{ numerator }} as double)) / nullif(try(cast({{ denominator }} as double)), 0)
                as decimal(30, 12)
            )
    end
{%- endmacro %}

{# The same for numbers that are small, such as scores; the only one for aggregates, which cannot be tried. #}
{% macro whole_ratio(numerator, denominator) -%}
    {%- set n = to_units('cast(' ~ numerator ~ ' as ' ~ exact() ~ ')', 10) -%}
    {%- set d = to_units('cast(' ~ denominator ~ ' as ' ~ exact() ~ ')', 10) -%}
    {#- Half the denominator is added before the one division: dividing wide integers is slow. -#}
    cast(
        case when ({{ numerator }} < 0) = ({{ denominator }} < 0) then 1 else -1 end
        * {{ whole_quotient(
            '2 * abs(' ~ n ~ ') * ' ~ 10 ** 12 ~ ' + abs(' ~ d ~ ')', 'nullif(2 * abs(' ~ d ~ '), 0)'
        ) }} as decimal(38, 0)
    ) * cast(0.000000000001 as decimal(12, 12))
{%- endmacro %}

{# The report of one grain: every KPI of its periods, whose first day is named as its readers know it. #}
{% macro kpi_report(grain, period_column) -%}
with

results as (

    select * from {{ ref('int_kpi_results') }}

),

final as (

    select
        period_start as {{ period_column }},
        kpi_code,
        dimension,
        dimension_value,
        value,
        target,
        status,
        basis_count,
        unit,
        operator,
        target_to,
        unconverted_count,
        is_closed
    from results
    where grain = '{{ grain }}'

)

select * from final
{%- endmacro %}

{#
    An amount in the reporting currency, half away from zero to the minor unit that `int_kpi_parameters` states. It is
    narrowed first: the branches of a case over the widest decimal would agree on no decimals at all.
#}
{% macro reporting_money(amount, minor_unit) -%}
    {%- set exact_amount = 'cast(' ~ amount ~ ' as ' ~ exact() ~ ')' -%}
    cast(
        case {{ minor_unit }}
            when 0 then round({{ exact_amount }}, 0)
            when 3 then round({{ exact_amount }}, 3)
            else round({{ exact_amount }}, 2)
        end as {{ money_total() }}
    )
{%- endmacro %}
