{# Instants as whole microseconds, so that a lookback is exact: no calendar, no daylight saving. #}
{% macro microseconds(instant) -%} {{ return(adapter.dispatch('microseconds')(instant)) }} {%- endmacro %}
{% macro default__microseconds(instant) -%} unix_micros({{ instant }}) {%- endmacro %}
{% macro duckdb__microseconds(instant) -%} epoch_us({{ instant }}) {%- endmacro %}

{# How many parts a conversion's credit is divided into: a credit is a whole number of 10^-12. #}
{% macro credit_parts() -%} cast(1000000000000 as {{ wide_integer() }}) {%- endmacro %}

{# Parts of 10^-12 as a fraction. #}
{% macro parts_to_fraction(parts) -%}
    cast(cast({{ parts }} as decimal(18, 0)) * cast(0.000000000001 as decimal(12, 12)) as {{ fraction() }})
{%- endmacro %}

{# A share of a seed (up to six decimals) as a whole number of millionths. #}
{% macro millionths(share) -%} cast(round({{ share }} * 1000000) as bigint) {%- endmacro %}

{#
    2^(-age / half_life) as a whole number of 10^-15. Fifteen digits are what a double holds; from here on the
    arithmetic is whole, so the order of summation cannot change a credit.
#}
{% macro decay_parts(age, half_life) -%}
    cast(round(pow(2.0, -cast({{ age }} as double) / cast({{ half_life }} as double)) * 1e15) as {{ wide_integer() }})
{%- endmacro %}
