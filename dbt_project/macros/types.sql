{# A text of any length, an instant (of UTC), and a number in floating point of 64 bits. #}
{% macro text_type() -%} {{ return(adapter.dispatch('text_type')()) }} {%- endmacro %}
{% macro default__text_type() -%} string {%- endmacro %}
{% macro duckdb__text_type() -%} varchar {%- endmacro %}

{% macro instant_type() -%} {{ return(adapter.dispatch('instant_type')()) }} {%- endmacro %}
{% macro default__instant_type() -%} timestamp {%- endmacro %}
{% macro duckdb__instant_type() -%} timestamptz {%- endmacro %}

{% macro double_type() -%} {{ return(adapter.dispatch('double_type')()) }} {%- endmacro %}
{% macro default__double_type() -%} double {%- endmacro %}

{# Money in major units. Three decimals hold every currency's minor unit (0, 2 or 3); values are rounded to their own. #}
{% macro money() -%} decimal(18, 3) {%- endmacro %}

{#
    A landed decimal, which has eighteen decimals, as money: rounded to three, a half away from zero. DuckDB divides 128
    bits for that, 1.8 microseconds a value; its digits, written and read again, are rounded in the same way in 0.4.
#}
{% macro landed_money(amount) -%} {{ return(adapter.dispatch('landed_money')(amount)) }} {%- endmacro %}
{% macro default__landed_money(amount) -%} cast({{ amount }} as {{ money() }}) {%- endmacro %}
{% macro duckdb__landed_money(amount) -%} cast(cast({{ amount }} as varchar) as {{ money() }}) {%- endmacro %}

{#
    Whether an amount stays money at a rate of exchange: below 10^14, so that some of them together do too. A double is
    exact enough for it, and holds any product. Null without a rate.
#}
{% macro is_convertible(amount, rate) -%}
    abs(cast({{ amount }} as {{ double_type() }}) * cast({{ rate }} as {{ double_type() }})) < {{ 10 ** 14 }}
{%- endmacro %}

{#
    An amount at a rate of exchange; null without a rate, and where it would be no money any more. Nothing is nothing in
    every currency, and needs no rate.
#}
{% macro converted(amount, rate) -%}
    case
        when {{ amount }} = 0 then cast(0 as {{ exact() }})
        when {{ is_convertible(amount, rate) }}
            then cast(cast({{ amount }} as {{ exact() }}) * {{ rate }} as {{ exact() }})
    end
{%- endmacro %}

{# A sum of money, of a size that many amounts together reach. #}
{% macro money_total() -%} decimal(28, 3) {%- endmacro %}

{# A rate, share or credit: a part of one. #}
{% macro fraction() -%} decimal(18, 12) {%- endmacro %}

{# A number that is neither money nor a part of one (FX rates, scores), or money before it is rounded. #}
{% macro exact() -%} decimal(28, 10) {%- endmacro %}

{# A text without the blanks around it; nothing but blanks is null. #}
{% macro text(column) -%} nullif(trim({{ column }}), '') {%- endmacro %}

{# A partner that a record names. What the reports call nobody is nobody, in any case, and no partner has such an id. #}
{% macro named_partner(column) -%}
    case
        when lower(trim({{ column }})) not in ('no_partner', 'unattributed', 'unassigned', 'none', '')
            then trim({{ column }})
    end
{%- endmacro %}

{# A text of few plain words, without digits or signs: no account, address or number of a person is one. Else `other`. #}
{% macro plain_words(column) -%} {{ return(adapter.dispatch('plain_words')(column)) }} {%- endmacro %}
{% macro default__plain_words(column) -%}
    case when {{ column }} rlike '^[\\p{L}_ -]{1,40}$' then {{ column }} when {{ column }} is not null then 'other' end
{%- endmacro %}
{% macro duckdb__plain_words(column) -%}
    case
        when regexp_full_match({{ column }}, '[\p{L}_ -]{1,40}') then {{ column }}
        when {{ column }} is not null then 'other'
    end
{%- endmacro %}

{# A code that is written in capitals, such as a currency. #}
{% macro code(column) -%} upper(nullif(trim({{ column }}), '')) {%- endmacro %}

{# A word of a closed list, such as a status: lower case, one underscore for blanks and hyphens. #}
{% macro word(column) -%} {{ return(adapter.dispatch('word')(column)) }} {%- endmacro %}
{% macro default__word(column) -%} lower(regexp_replace(nullif(trim({{ column }}), ''), '[ -]+', '_')) {%- endmacro %}
{% macro duckdb__word(column) -%} lower(regexp_replace(nullif(trim({{ column }}), ''), '[ -]+', '_', 'g')) {%- endmacro %}

{# An amount in a currency's minor units, as Stripe sends it, in major units. #}
{% macro from_minor_units(amount, minor_unit) -%}
    cast(
        case {{ minor_unit }}
            when 0 then cast({{ amount }} as {{ exact() }})
            when 3 then cast({{ amount }} as {{ exact() }}) * 0.001
            else cast({{ amount }} as {{ exact() }}) * 0.01
        end as {{ money() }}
    )
{%- endmacro %}

{# Whether two values are equal, where two nulls are. #}
{% macro same(left, right) -%} coalesce({{ left }} = {{ right }}, {{ left }} is null and {{ right }} is null) {%- endmacro %}
