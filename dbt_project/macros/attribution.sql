{# Instants as whole microseconds, so that a lookback is exact: no calendar, no daylight saving. #}
{% macro microseconds(instant) -%} {{ return(adapter.dispatch('microseconds')(instant)) }} {%- endmacro %}
{% macro default__microseconds(instant) -%} unix_micros({{ instant }}) {%- endmacro %}
{% macro duckdb__microseconds(instant) -%} epoch_us({{ instant }}) {%- endmacro %}

{# How many parts a conversion's credit is divided into: a credit is a whole number of 10^-12. #}
{% macro credit_parts() -%} cast(1000000000000 as {{ wide_integer() }}) {%- endmacro %}

{# A number in floating point as such parts, to the nearest. #}
{% macro credit_parts_of(number) -%} cast(round({{ number }} * 1e12) as {{ wide_integer() }}) {%- endmacro %}

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

{# The distinct values of a group, sorted, as one value that can be compared. #}
{% macro sorted_set(value) -%} {{ return(adapter.dispatch('sorted_set')(value)) }} {%- endmacro %}
{% macro default__sorted_set(value) -%} array_sort(collect_set({{ value }})) {%- endmacro %}
{% macro duckdb__sorted_set(value) -%} list_sort(list(distinct {{ value }})) {%- endmacro %}

{# How many values such a set has. #}
{% macro set_size(values) -%} {{ return(adapter.dispatch('set_size')(values)) }} {%- endmacro %}
{% macro default__set_size(values) -%} size({{ values }}) {%- endmacro %}
{% macro duckdb__set_size(values) -%} len({{ values }}) {%- endmacro %}

{# Parts of 10^-12 as a number of conversions. #}
{% macro parts_to_number(parts) -%}
    cast(cast({{ parts }} as decimal(26, 0)) * cast(0.000000000001 as decimal(12, 12)) as decimal(28, 12))
{%- endmacro %}

{# An amount to its currency's minor unit, a half away from zero. #}
{% macro round_to_minor_unit(amount, minor_unit) -%}
    case {{ minor_unit }}
        when 0 then cast(round({{ amount }}, 0) as {{ money() }})
        when 3 then cast(round({{ amount }}, 3) as {{ money() }})
        else cast(round({{ amount }}, 2) as {{ money() }})
    end
{%- endmacro %}
