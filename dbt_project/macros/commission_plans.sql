{#
    The rows of one plan file, as text: of the directory in PARTNER_WAREHOUSE_PLANS where that is set, else of the seed.
    Bonuses and exclusions may be absent from a directory: then there are none.
#}
{% macro plan_rows(name) -%}
    {%- set seed = ref(name) -%}
    {%- set directory = env_var('PARTNER_WAREHOUSE_PLANS', '') -%}
    {%- if not directory -%}
        select * from {{ seed }}
    {%- else -%}
        {{ adapter.dispatch('plan_file')(directory ~ '/' ~ name ~ '.csv', seed) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__plan_file(path, seed) -%}
    select * from csv.`{{ path }}`
{%- endmacro %}

{% macro duckdb__plan_file(path, seed) -%}
    {%- set path = path | replace("'", "''") -%}
    {%- set is_there = execute and run_query("select count(*) from glob('" ~ path ~ "')").rows[0][0] == 1 -%}
    {%- if is_there -%}
        select * from read_csv('{{ path }}', header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')
    {%- else -%}
        select * from {{ seed }} where false
    {%- endif -%}
{%- endmacro %}

{#
    The plans' versions with numbers, since sums by texts take twice as long: `plan_key` of each, `basis_key` of those
    whose revenue counts together.
#}
{% macro numbered_plans() -%}
    select
        *,
        row_number() over (order by plan_id, plan_version) as plan_key,
        dense_rank() over (order by plan_id, currency, tier_basis) as basis_key
    from {{ ref('stg_plans__plans') }}
{%- endmacro %}

{# The first month of the basis period that a month's end stands in: the month, its year, twelve months, or all. #}
{% macro basis_first_month(tier_basis, month) -%}
    case {{ tier_basis }}
        when 'month' then {{ month }}
        when 'calendar_year' then cast(date_trunc('year', {{ month }}) as date)
        when 'trailing_12_months' then {{ months_after(month, -11) }}
        else date '0001-01-01'
    end
{%- endmacro %}

{# The first day of the basis period that a day is in: its month, its year, or all time. #}
{% macro basis_period(tier_basis, day) -%}
    case {{ tier_basis }}
        when 'month' then cast(date_trunc('month', {{ day }}) as date)
        when 'calendar_year' then cast(date_trunc('year', {{ day }}) as date)
        else date '0001-01-01'
    end
{%- endmacro %}

{# The first day of the period that a bonus is paid for: the quarter of a day, or its month. #}
{% macro bonus_period(metric, day) -%}
    cast(
        case when {{ metric }} = 'quarterly_revenue' then date_trunc('quarter', {{ day }}) else date_trunc('month', {{ day }}) end
        as date
    )
{%- endmacro %}
