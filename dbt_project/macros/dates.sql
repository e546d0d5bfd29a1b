{# Each day from `first_day` to `last_day`, both included: one row a day. No day when the last is before the first. #}
{% macro each_day(first_day, last_day) -%} {{ return(adapter.dispatch('each_day')(first_day, last_day)) }} {%- endmacro %}

{% macro default__each_day(first_day, last_day) -%}
    explode(
        case when {{ last_day }} >= {{ first_day }} then sequence({{ first_day }}, {{ last_day }}, interval 1 day) end
    )
{%- endmacro %}

{% macro duckdb__each_day(first_day, last_day) -%}
    cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day)) as date)
{%- endmacro %}

{# A date, so many days later. #}
{% macro days_after(day, days) -%} cast({{ day }} + {{ days }} * interval 1 day as date) {%- endmacro %}

{# An instant, so many days of 24 hours later: no calendar, no daylight saving. Null where the days are. #}
{% macro days_of_24_hours_after(instant, days) -%} {{ instant }} + {{ days }} * interval 24 hour {%- endmacro %}

{# Each first day of a month from `first_month` to `last_month`, both included: one row a month. #}
{% macro each_month(first_month, last_month) -%}
    {{ return(adapter.dispatch('each_month')(first_month, last_month)) }}
{%- endmacro %}

{% macro default__each_month(first_month, last_month) -%}
    explode(
        case
            when {{ last_month }} >= {{ first_month }} then sequence({{ first_month }}, {{ last_month }}, interval 1 month)
        end
    )
{%- endmacro %}

{% macro duckdb__each_month(first_month, last_month) -%}
    cast(unnest(generate_series({{ first_month }}, {{ last_month }}, interval 1 month)) as date)
{%- endmacro %}
