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

{# One row for each whole number from `first` to `last`, both included; there is at least one. #}
{% macro each_number(first, last) -%} {{ return(adapter.dispatch('each_number')(first, last)) }} {%- endmacro %}
{% macro default__each_number(first, last) -%} explode(sequence({{ first }}, {{ last }})) {%- endmacro %}
{% macro duckdb__each_number(first, last) -%} unnest(generate_series({{ first }}, {{ last }})) {%- endmacro %}

{# The quotient of two non-negative whole numbers without its remainder. #}
{% macro whole_quotient(numerator, denominator) -%}
    {{ return(adapter.dispatch('whole_quotient')(numerator, denominator)) }}
{%- endmacro %}
{% macro default__whole_quotient(numerator, denominator) -%}
    (({{ numerator }}) div ({{ denominator }}))
{%- endmacro %}
{# DuckDB divides 128 bits bit by bit, which took most of the time of a million commissions. Few numbers need it. #}
{% macro duckdb__whole_quotient(numerator, denominator) -%}
    (
        case
            when {{ fits_64_bits(numerator, denominator) }}
                then cast(cast({{ numerator }} as bigint) // cast({{ denominator }} as bigint) as hugeint)
            when {{ is_corrected_exactly(numerator, denominator) }}
                then {{ corrected_quotient(numerator, denominator) }}
            else ({{ numerator }}) // ({{ denominator }})
        end
    )
{%- endmacro %}

{# What the quotient of two non-negative whole numbers leaves. #}
{% macro whole_remainder(numerator, denominator) -%}
    {{ return(adapter.dispatch('whole_remainder')(numerator, denominator)) }}
{%- endmacro %}
{% macro default__whole_remainder(numerator, denominator) -%} (({{ numerator }}) % ({{ denominator }})) {%- endmacro %}
{% macro duckdb__whole_remainder(numerator, denominator) -%}
    (
        case
            when {{ fits_64_bits(numerator, denominator) }}
                then cast(cast({{ numerator }} as bigint) % cast({{ denominator }} as bigint) as hugeint)
            else ({{ numerator }}) % ({{ denominator }})
        end
    )
{%- endmacro %}

{# Whether three times two whole numbers fits 64 bits. #}
{% macro fits_64_bits(first, second) -%}
    abs({{ first }}) <= {{ 10 ** 18 }} and ({{ second }}) <= {{ 10 ** 18 }}
{%- endmacro %}

{#
    Whether `corrected_quotient` is exact: the quotient is at most 10^16, so that a double's is less than five too much
    or too little, and what that leaves of the numerator, five denominators at most, fits 64 bits.
#}
{% macro is_corrected_exactly(numerator, denominator) -%}
    abs({{ numerator }}) <= cast({{ 10 ** 16 }} as hugeint) * least({{ denominator }}, {{ 10 ** 14 }})
    and ({{ denominator }}) <= {{ 10 ** 18 }}
{%- endmacro %}

{# The quotient of two non-negative whole numbers: the double's, and the whole quotient of what that leaves. #}
{% macro corrected_quotient(numerator, denominator) -%}
    {%- set guess -%}
        cast(floor(cast({{ numerator }} as double) / cast({{ denominator }} as double)) as bigint)
    {%- endset -%}
    {%- set left -%}
        cast({{ numerator }} - cast({{ guess }} as hugeint) * ({{ denominator }}) as bigint)
    {%- endset -%}
    cast(
        {{ guess }}
        + ({{ left }} - case when {{ left }} < 0 then cast({{ denominator }} as bigint) - 1 else 0 end)
        // cast({{ denominator }} as bigint)
        as hugeint
    )
{%- endmacro %}

{# The greatest common divisor of two whole numbers above zero. Where an engine has none, 1 divides both too. #}
{% macro common_divisor(first, second) -%}
    {{ return(adapter.dispatch('common_divisor')(first, second)) }}
{%- endmacro %}
{% macro default__common_divisor(first, second) -%} 1 {%- endmacro %}
{% macro duckdb__common_divisor(first, second) -%} gcd({{ first }}, {{ second }}) {%- endmacro %}

{# A whole number without the divisor that it has in common with another; of two equal ones 1, which most shares are. #}
{% macro over_common_divisor(number, other) -%}
    case
        when {{ number }} = {{ other }} then 1
        else {{ whole_quotient(number, common_divisor(number, other)) }}
    end
{%- endmacro %}

{# A decimal as a whole number of 10^-digits. It must have no more decimals than that; with three it is an amount of money. #}
{% macro to_units(amount, digits) -%} {{ return(adapter.dispatch('to_units')(amount, digits)) }} {%- endmacro %}
{% macro default__to_units(amount, digits) -%}
    cast({{ amount }} * cast({{ 10 ** digits }} as {{ wide_integer() }}) as {{ wide_integer() }})
{%- endmacro %}
{# Wide decimals are divided when they lose their point: the whole and the rest of money stay within 64 bits. #}
{% macro duckdb__to_units(amount, digits) -%}
    {%- set money = 'cast(' ~ amount ~ ' as ' ~ money() ~ ')' -%}
    {%- if digits == 3 -%}
        cast(
            cast(trunc({{ money }}) as bigint) * 1000
            + cast(cast({{ money }} - trunc({{ money }}) as decimal(4, 3)) * cast(1000 as decimal(4, 0)) as bigint)
            as hugeint
        )
    {%- else -%}
        {{ default__to_units(amount, digits) }}
    {%- endif -%}
{%- endmacro %}

{# A sum of money as a whole number of thousandths: more than 64 bits hold, and slower for it. #}
{% macro total_to_mills(amount) -%}
    cast(cast({{ amount }} as {{ money_total() }}) * cast(1000 as decimal(4, 0)) as {{ wide_integer() }})
{%- endmacro %}

{# A share as a whole number of 10^-digits; what is beyond them is rounded. #}
{% macro share_units(share, digits) -%} {{ return(adapter.dispatch('share_units')(share, digits)) }} {%- endmacro %}
{% macro default__share_units(share, digits) -%}
    {{ default__to_units('cast(' ~ share ~ ' as decimal(18, ' ~ digits ~ '))', digits) }}
{%- endmacro %}
{# Up to a thousand the double of such a number is nearer to it than to any other. #}
{% macro duckdb__share_units(share, digits) -%}
    cast(
        case
            when abs({{ share }}) <= 1000 then {{ small_units('cast(' ~ share ~ ' as decimal(18, ' ~ digits ~ '))', digits) }}
            else {{ default__share_units(share, digits) }}
        end as hugeint
    )
{%- endmacro %}

{# A number up to a thousand, with at most twelve decimals, as a whole number of 10^-digits in 64 bits. #}
{% macro small_units(number, digits) -%}
    cast(round(cast({{ number }} as {{ double_type() }}) * {{ 10 ** digits }}) as bigint)
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
    {{ return(adapter.dispatch('round_ratio')(numerator, denominator, rounding)) }}
{%- endmacro %}
{% macro default__round_ratio(numerator, denominator, rounding) -%}
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
{# Twice the numerator and once the denominator, by twice the denominator: a half goes up, an odd one of halves back. #}
{% macro duckdb__round_ratio(numerator, denominator, rounding) -%}
    {%- set small_twice = '(2 * abs(cast(' ~ numerator ~ ' as bigint)) + cast(' ~ denominator ~ ' as bigint))' -%}
    {%- set small_divisor = '(2 * cast(' ~ denominator ~ ' as bigint))' -%}
    {%- set twice = '(2 * abs(' ~ numerator ~ ') + ' ~ denominator ~ ')' -%}
    {%- set divisor = '(2 * (' ~ denominator ~ '))' -%}
    (
        case
            when {{ fits_64_bits(numerator, denominator) }}
                then cast(
                    case when {{ numerator }} < 0 then -1 else 1 end
                    * (
                        {{ small_twice }} // {{ small_divisor }}
                        {%- if rounding != "'half_up'" %}
                        - case
                            when
                                {{ rounding }} = 'half_even'
                                and {{ small_twice }} % {{ small_divisor }} = 0
                                and {{ small_twice }} // {{ small_divisor }} % 2 = 1
                                then 1
                            else 0
                        end
                        {%- endif %}
                    ) as hugeint
                )
            {%- if rounding == "'half_up'" %}
            when {{ is_corrected_exactly(twice, divisor) }}
                then case when {{ numerator }} < 0 then -1 else 1 end * {{ corrected_quotient(twice, divisor) }}
            {%- endif %}
            else {{ default__round_ratio(numerator, denominator, rounding) }}
        end
    )
{%- endmacro %}

{# What numerator / denominator, rounded towards zero, leaves: with the numerator's sign. #}
{% macro signed_remainder(numerator, denominator) -%}
    (
        case when {{ numerator }} < 0 then -1 else 1 end
        * {{ whole_remainder('abs(' ~ numerator ~ ')', denominator) }}
    )
{%- endmacro %}

{# numerator * scale / denominator to the nearest whole number, a half away from zero, where the product would not fit. #}
{% macro round_scaled_ratio(numerator, scale, denominator) -%}
    (
        {{ truncated_ratio(numerator, denominator) }} * {{ scale }}
        + {{ round_ratio(signed_remainder(numerator, denominator) ~ ' * ' ~ scale, denominator) }}
    )
{%- endmacro %}

{#
    Of an amount in mills the part that one sum is of another, in fine units. Nothing and everything are what nearly all
    amounts come to: no tax, nothing collected before.
#}
{% macro fine_part(mills, part, whole) -%}
    case
        when {{ mills }} = 0 then 0
        when {{ part }} = {{ whole }} then {{ mills }} * {{ 10 ** 9 }}
        else {{ round_scaled_ratio(mills ~ ' * ' ~ part, 10 ** 9, whole) }}
    end
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
{% macro fraction_ratio(part, whole) -%} {{ return(adapter.dispatch('fraction_ratio')(part, whole)) }} {%- endmacro %}
{% macro default__fraction_ratio(part, whole) -%}
    cast(
        cast({{ round_ratio(to_units(part, 12) ~ ' * ' ~ 10 ** 12, to_units(whole, 12)) }} as decimal(25, 0))
        * cast(0.000000000001 as decimal(12, 12)) as {{ fraction() }}
    )
{%- endmacro %}
{# Up to four, both are whole numbers of 43 bits: six decimals of the quotient, then six of what is left, fit 64 bits. #}
{% macro duckdb__fraction_ratio(part, whole) -%}
    {%- set n = small_units(part, 12) -%}
    {%- set d = small_units(whole, 12) -%}
    case
        when {{ part }} = {{ whole }} then cast(1 as {{ fraction() }})
        when {{ part }} between 0 and 4 and {{ whole }} <= 4
            then cast(
                cast(
                    {{ n }} * 1000000 // {{ d }} * 1000000
                    + (2000000 * ({{ n }} * 1000000 % {{ d }}) + {{ d }}) // (2 * {{ d }})
                    as decimal(18, 0)
                ) * cast(0.000000000001 as decimal(12, 12)) as {{ fraction() }}
            )
        else {{ default__fraction_ratio(part, whole) }}
    end
{%- endmacro %}

{# The day that an instant has in a time zone. #}
{% macro local_day(instant, timezone) -%} {{ return(adapter.dispatch('local_day')(instant, timezone)) }} {%- endmacro %}
{% macro default__local_day(instant, timezone) -%}
    cast(from_utc_timestamp({{ instant }}, {{ timezone }}) as date)
{%- endmacro %}
{#
    DuckDB looks a zone up for every row unless it is a constant, which takes seven times as long. So the zones of the
    plans, where they are known already, are branches of their own; any other zone takes the long way. UTC needs no
    calendar at all: its days are what a count of microseconds says, in a thirtieth of the time.
#}
{% macro duckdb__local_day(instant, timezone) -%}
    {%- set zones = plan_timezones() -%}
    {%- if timezone.startswith('(') or not zones -%}
        {{ _zoned_day(instant, timezone) }}
    {%- else -%}
        case {{ timezone }}
            when 'UTC' then cast(make_timestamp(epoch_us({{ instant }})) as date)
            {%- for zone in zones if zone != 'UTC' %}
            when '{{ zone }}' then {{ _zoned_day(instant, "'" ~ zone ~ "'") }}
            {%- endfor %}
            else {{ _zoned_day(instant, timezone) }}
        end
    {%- endif -%}
{%- endmacro %}

{% macro _zoned_day(instant, timezone) -%} cast(timezone({{ timezone }}, {{ instant }}) as date) {%- endmacro %}

{# The time zones of the plans as last built; none before that. #}
{% macro plan_timezones() -%}
    {%- set relation = adapter.get_relation(target.database, 'staging', 'stg_plans__plans') if execute -%}
    {%- set found = run_query('select distinct timezone from ' ~ relation ~ ' order by all') if relation -%}
    {{ return(found.columns[0].values() | list if found else []) }}
{%- endmacro %}
