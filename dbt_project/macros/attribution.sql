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

{# What a milestone of `attribution_weights` earns under the model of the group, in millionths; 0 where it is not named. #}
{% macro milestone_share(milestone) -%}
    cast(round(coalesce(sum(case when milestone = '{{ milestone }}' then share end), 0) * 1000000) as bigint)
{%- endmacro %}

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

{#
    The rows of a relation with a column more: their parts of a whole by largest remainder. Within each group of `by`,
    every row gets the whole part of whole * weight / sum(weight), and what is left goes one by one to the largest
    remainders, the row that is first by `tie` before the others; so the parts sum to the whole. `weight` and `whole` are
    whole numbers from 0; where all weights are 0, nobody gets anything.
#}
{% macro shared_out(relation, weight, whole, by, tie, part) -%}
    select
        * exclude (_weights, _numerator, _whole_part, _remainder, _parts_left, _claim),
        _whole_part + case when _claim <= _parts_left then 1 else 0 end as {{ part }}
    from (
        select
            *,
            case when _weights = 0 then 0 else {{ whole }} end
            - sum(_whole_part) over (partition by {{ by | join(', ') }}) as _parts_left,
            row_number() over (
                partition by {{ by | join(', ') }}
                order by _remainder desc, {{ tie }} asc
            ) as _claim
        from (
            select
                *,
                {{ whole_quotient('_numerator', 'greatest(_weights, 1)') }} as _whole_part,
                _numerator % greatest(_weights, 1) as _remainder
            from (
                select
                    *,
                    cast({{ weight }} as {{ wide_integer() }}) * ({{ whole }}) as _numerator,
                    cast(sum({{ weight }}) over (partition by {{ by | join(', ') }}) as {{ wide_integer() }}) as _weights
                from {{ relation }}
            ) as _weighed
        ) as _divided
    ) as _ranked
{%- endmacro %}
