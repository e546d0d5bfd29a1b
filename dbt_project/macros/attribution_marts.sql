{# The measures of a report by month: what a group's credits sum to, in the reporting currency. #}
{% macro credit_totals(credits, currency) -%}
    cast(sum({{ credits }}.conversions) as decimal(28, 12)) as conversions,
    cast(sum({{ credits }}.revenue) as {{ money_total() }}) as revenue,
    {{ currency }} as currency,
    {%- for kind in ('deal', 'lead') %}
    cast(
        sum(case when {{ credits }}.conversion_kind = '{{ kind }}' then {{ credits }}.conversions else 0 end)
        as decimal(28, 12)
    ) as {{ kind }}s,
    {%- endfor %}
    cast(sum({{ credits }}.conversions_without_rate) as decimal(28, 12)) as conversions_without_rate
{%- endmacro %}

{# What a model makes of a measure over the group; the relation has the column `model`. #}
{% macro under_model(name, measure, type) -%}
    cast(sum(case when model = '{{ name }}' then {{ measure }} else 0 end) as {{ type }})
{%- endmacro %}

{# The channels of a group of touches in their order, as one text. #}
{% macro path_of(channel, position) -%} {{ return(adapter.dispatch('path_of')(channel, position)) }} {%- endmacro %}
{% macro default__path_of(channel, position) -%}
    array_join(
        transform(
            array_sort(collect_list(case when {{ channel }} is not null then struct({{ position }}, {{ channel }}) end)),
            touch -> touch.{{ channel }}
        ),
        ' > '
    )
{%- endmacro %}
{% macro duckdb__path_of(channel, position) -%} string_agg({{ channel }}, ' > ' order by {{ position }}) {%- endmacro %}

{# So many seconds in days, to the nearest millionth of a day. #}
{% macro seconds_to_days(seconds) -%} {{ millionths(round_ratio('(' ~ seconds ~ ') * 1000000', 86400)) }} {%- endmacro %}

{# The mean of the seconds of a group's rows in days, rounded once; null where none has any. #}
{% macro mean_days(seconds) -%}
    {%- set total = 'cast(sum(' ~ seconds ~ ') as ' ~ wide_integer() ~ ')' -%}
    {{ millionths(round_ratio(total ~ ' * 1000000', '86400 * greatest(count(' ~ seconds ~ '), 1)')) }}
{%- endmacro %}

{# The mean of whole numbers of a group's rows, to six decimals; null where none has any. #}
{% macro mean_number(number) -%}
    {%- set total = 'cast(sum(' ~ number ~ ') as ' ~ wide_integer() ~ ')' -%}
    {{ millionths(round_ratio(total ~ ' * 1000000', 'greatest(count(' ~ number ~ '), 1)')) }}
{%- endmacro %}

{# A whole number of millionths. #}
{% macro millionths(number) -%}
    cast(cast({{ number }} as decimal(28, 0)) * cast(0.000001 as decimal(6, 6)) as {{ exact() }})
{%- endmacro %}
