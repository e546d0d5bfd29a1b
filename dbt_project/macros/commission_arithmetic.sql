{#
    Exact arithmetic of commissions. Amounts are counted in integers, because an engine's division of decimals may go
    through floating point, and a half cent must be seen to be a half.

    Units: `mills` are thousandths of a major unit, which every currency's minor unit is a whole number of. `fine` units
    are 10^-12 of a major unit; bases are carried in them. `exact` units are 10^-10; a commission before it is rounded
    is stated in them.
#}

{# An integer wide enough for every product below: 38 digits. #}
{% macro wide_integer() -%} {{ return(adapter.dispatch('wide_integer')()) }} {%- endmacro %}
{% macro default__wide_integer() -%} decimal(38, 0) {%- endmacro %}
{% macro duckdb__wide_integer() -%} hugeint {%- endmacro %}

{# The quotient of two non-negative whole numbers without its remainder. #}
{% macro whole_quotient(numerator, denominator) -%}
    {{ return(adapter.dispatch('whole_quotient')(numerator, denominator)) }}
{%- endmacro %}
{% macro default__whole_quotient(numerator, denominator) -%}
    (({{ numerator }}) div ({{ denominator }}))
{%- endmacro %}
{% macro duckdb__whole_quotient(numerator, denominator) -%}
    (({{ numerator }}) // ({{ denominator }}))
{%- endmacro %}

{# The greatest common divisor of two whole numbers above zero. Where an engine has none, 1 divides both too. #}
{% macro common_divisor(first, second) -%}
    {{ return(adapter.dispatch('common_divisor')(first, second)) }}
{%- endmacro %}
{% macro default__common_divisor(first, second) -%} 1 {%- endmacro %}
{% macro duckdb__common_divisor(first, second) -%} gcd({{ first }}, {{ second }}) {%- endmacro %}

{# A decimal as a whole number of 10^-digits. It must have no more decimals than that. #}
{% macro to_units(amount, digits) -%}
    cast({{ amount }} * cast({{ 10 ** digits }} as {{ wide_integer() }}) as {{ wide_integer() }})
{%- endmacro %}

{# Mills as money. #}
{% macro mills_to_money(mills) -%}
    cast(cast({{ mills }} as decimal(18, 0)) * cast(0.001 as decimal(3, 3)) as {{ money() }})
{%- endmacro %}

{# Mills as a sum of money. #}
{% macro mills_to_total(mills) -%}
    cast(cast({{ mills }} as decimal(28, 0)) * cast(0.001 as decimal(3, 3)) as {{ money_total() }})
{%- endmacro %}

{# Mills in one minor unit of a currency with so many decimals. #}
{% macro mills_per_minor_unit(minor_unit) -%}
    cast(case {{ minor_unit }} when 0 then 1000 when 3 then 1 else 10 end as {{ wide_integer() }})
{%- endmacro %}

{#
    numerator / denominator to the nearest whole number; the denominator is above zero. A half goes away from zero, or
    where `rounding` is 'half_even' to the even neighbour. Symmetric: the negative of a number rounds to the negative.
#}
{% macro round_ratio(numerator, denominator, rounding="'half_up'") -%}
    (
        case when {{ numerator }} < 0 then -1 else 1 end
        * (
            {{ whole_quotient('abs(' ~ numerator ~ ')', denominator) }}
            + case
                when 2 * (abs({{ numerator }}) % ({{ denominator }})) > {{ denominator }} then 1
                when 2 * (abs({{ numerator }}) % ({{ denominator }})) < {{ denominator }} then 0
                when {{ rounding }} = 'half_even'
                    then {{ whole_quotient('abs(' ~ numerator ~ ')', denominator) }} % 2
                else 1
            end
        )
    )
{%- endmacro %}

{# numerator * scale / denominator to the nearest whole number, a half away from zero, where the product would not fit. #}
{% macro round_scaled_ratio(numerator, scale, denominator) -%}
    (
        {{ truncated_ratio(numerator, denominator) }} * {{ scale }}
        + {{ round_ratio('((' ~ numerator ~ ') % (' ~ denominator ~ ') * ' ~ scale ~ ')', denominator) }}
    )
{%- endmacro %}

{# numerator / denominator, rounded down; the denominator is above zero. #}
{% macro floor_ratio(numerator, denominator) -%}
    (
        case
            when {{ numerator }} >= 0 then {{ whole_quotient(numerator, denominator) }}
            else -{{ whole_quotient('abs(' ~ numerator ~ ') + ' ~ denominator ~ ' - 1', denominator) }}
        end
    )
{%- endmacro %}

{# numerator / denominator, rounded towards zero; the denominator is above zero. #}
{% macro truncated_ratio(numerator, denominator) -%}
    (
        case when {{ numerator }} < 0 then -1 else 1 end
        * {{ whole_quotient('abs(' ~ numerator ~ ')', denominator) }}
    )
{%- endmacro %}

{# `exact` units in one minor unit of a currency with so many decimals. #}
{% macro exact_per_minor_unit(minor_unit) -%}
    cast(case {{ minor_unit }} when 0 then {{ 10 ** 10 }} when 3 then {{ 10 ** 7 }} else {{ 10 ** 8 }} end
    as {{ wide_integer() }})
{%- endmacro %}

{# So many minor units of a currency, as money. #}
{% macro minor_units_to_money(count, minor_unit) -%}
    {{ mills_to_money('(' ~ count ~ ') * ' ~ mills_per_minor_unit(minor_unit)) }}
{%- endmacro %}

{# One fraction by another, as a fraction, rounded to its twelve decimals; the divisor is above zero. #}
{% macro fraction_ratio(part, whole) -%}
    cast(
        cast({{ round_ratio(to_units(part, 12) ~ ' * ' ~ 10 ** 12, to_units(whole, 12)) }} as decimal(25, 0))
        * cast(0.000000000001 as decimal(12, 12)) as {{ fraction() }}
    )
{%- endmacro %}

{# The day that an instant has in a time zone. #}
{% macro local_day(instant, timezone) -%} cast(timezone({{ timezone }}, {{ instant }}) as date) {%- endmacro %}
