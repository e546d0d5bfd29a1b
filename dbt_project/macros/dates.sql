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
{% macro days_after(day, days) -%} {{ return(adapter.dispatch('days_after')(day, days)) }} {%- endmacro %}
{% macro default__days_after(day, days) -%} cast({{ day }} + {{ days }} * interval 1 day as date) {%- endmacro %}

{# A date, so many months later, or earlier (-1); the last day of a shorter month stands for a missing one. #}
{% macro months_after(day, months) -%} {{ return(adapter.dispatch('months_after')(day, months)) }} {%- endmacro %}
{% macro default__months_after(day, months) -%} cast({{ day }} + {{ months }} * interval 1 month as date) {%- endmacro %}

{# How many days a date is after another; less than 0 where it is before. #}
{% macro days_between(first_day, last_day) -%}
    {{ return(adapter.dispatch('days_between')(first_day, last_day)) }}
{%- endmacro %}
{% macro default__days_between(first_day, last_day) -%} datediff({{ last_day }}, {{ first_day }}) {%- endmacro %}
{% macro duckdb__days_between(first_day, last_day) -%} {{ last_day }} - {{ first_day }} {%- endmacro %}

{# An instant, so many days later by the calendar of UTC. #}
{% macro instant_days_after(instant, days) -%}
    {{ return(adapter.dispatch('instant_days_after')(instant, days)) }}
{%- endmacro %}
{% macro default__instant_days_after(instant, days) -%} {{ instant }} + {{ days }} * interval 1 day {%- endmacro %}

{# An instant, so many days of 24 hours later: no calendar, no daylight saving. Null where the days are. #}
{% macro days_of_24_hours_after(instant, days) -%}
    {{ return(adapter.dispatch('days_of_24_hours_after')(instant, days)) }}
{%- endmacro %}
{% macro default__days_of_24_hours_after(instant, days) -%} {{ instant }} + {{ days }} * interval 24 hour {%- endmacro %}

{# The day of UTC that an instant is in, and the instant that a day of UTC begins at. #}
{% macro utc_day(instant) -%} {{ return(adapter.dispatch('utc_day')(instant)) }} {%- endmacro %}
{% macro default__utc_day(instant) -%} cast({{ instant }} as date) {%- endmacro %}
{% macro duckdb__utc_day(instant) -%} cast(timezone('UTC', {{ instant }}) as date) {%- endmacro %}

{% macro utc_midnight(day) -%} {{ return(adapter.dispatch('utc_midnight')(day)) }} {%- endmacro %}
{% macro default__utc_midnight(day) -%} cast({{ day }} as {{ instant_type() }}) {%- endmacro %}
{% macro duckdb__utc_midnight(day) -%} timezone('UTC', cast({{ day }} as timestamp)) {%- endmacro %}

{# An instant before all others, and one after them. #}
{% macro before_all() -%} {{ return(adapter.dispatch('before_all')()) }} {%- endmacro %}
{% macro default__before_all() -%} cast('0001-01-01 00:00:00' as {{ instant_type() }}) {%- endmacro %}
{% macro duckdb__before_all() -%} cast('-infinity' as {{ instant_type() }}) {%- endmacro %}

{% macro after_all() -%} {{ return(adapter.dispatch('after_all')()) }} {%- endmacro %}
{% macro default__after_all() -%} cast('9999-12-31 23:59:59' as {{ instant_type() }}) {%- endmacro %}
{% macro duckdb__after_all() -%} cast('infinity' as {{ instant_type() }}) {%- endmacro %}

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
