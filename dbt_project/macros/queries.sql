{# What engines write differently of a query itself. Models have standard SQL; the rest of it is asked for here. #}

{#
    Around a select: of its rows the first one of each key, in an order. Key and order are of the relations that it selects
    from, not of the columns that it makes.
#}
{% macro first_of_each(key, order) -%}
    {{ return(adapter.dispatch('qualified')(
        caller(), 'row_number() over (partition by ' ~ key ~ ' order by ' ~ order ~ ') = 1'
    )) }}
{%- endmacro %}

{# Around a select: those of its rows that a condition with a window function holds for. #}
{% macro only_rows(condition) -%} {{ return(adapter.dispatch('qualified')(caller(), condition)) }} {%- endmacro %}

{# Where an engine has no such clause, the condition is a column, of which a query around it makes a filter. #}
{% macro default__qualified(query, condition) -%}
    {%- set query = query | trim -%}
    {%- set begins = 'select distinct' if query.startswith('select distinct') else 'select' -%}
    select {{ all_but(['_is_kept']) }}
    from (
        {{ begins }}
            {{ condition }} as _is_kept,
            {{ query[begins | length:] | trim }}
    ) as _qualified
    where _is_kept
{%- endmacro %}
{% macro duckdb__qualified(query, condition) -%}
    {{ query | trim }}
    qualify {{ condition }}
{%- endmacro %}

{# All columns of a relation, or of all that is selected from, but those named. #}
{% macro all_but(columns, relation=none) -%} {{ return(adapter.dispatch('all_but')(columns, relation)) }} {%- endmacro %}
{% macro default__all_but(columns, relation) -%}
    {{ relation ~ '.' if relation }}* except ({{ columns | join(', ') }})
{%- endmacro %}
{% macro duckdb__all_but(columns, relation) -%}
    {{ relation ~ '.' if relation }}* exclude ({{ columns | join(', ') }})
{%- endmacro %}

{# What `group by` names where the first so many columns of a select are its key, and all others are aggregates. #}
{% macro first_columns(how_many) -%} {{ return(adapter.dispatch('first_columns')(how_many)) }} {%- endmacro %}
{% macro default__first_columns(how_many) -%} {{ range(1, how_many + 1) | join(', ') }} {%- endmacro %}
{% macro duckdb__first_columns(how_many) -%} all {%- endmacro %}

{# An aggregate, or a window function of its name, of those rows that a condition holds for; the value of a count is `*`. #}
{% macro only_where(aggregate, value, condition) -%}
    {{ return(adapter.dispatch('only_where')(aggregate, value, condition)) }}
{%- endmacro %}
{% macro default__only_where(aggregate, value, condition) -%}
    {{ aggregate }}(case when {{ condition }} then {{ 1 if value == '*' else value }} end)
{%- endmacro %}
{% macro duckdb__only_where(aggregate, value, condition) -%}
    {{ aggregate }}({{ value }}) filter (where {{ condition }})
{%- endmacro %}

{# Of the rows of a group that have a value, the value of the one that is first by a number; null where none has any. #}
{% macro first_known(value, by) -%} {{ return(adapter.dispatch('first_known')(value, by)) }} {%- endmacro %}
{% macro default__first_known(value, by) -%}
    min_by({{ value }}, case when {{ value }} is not null then {{ by }} end)
{%- endmacro %}
{# DuckDB passes over rows without a value. #}
{% macro duckdb__first_known(value, by) -%} min_by({{ value }}, {{ by }}) {%- endmacro %}

{# A window function, `first_value` or `last_value`, of those rows of its window that have a value. #}
{% macro known(function, value) -%} {{ return(adapter.dispatch('known')(function, value)) }} {%- endmacro %}
{% macro default__known(function, value) -%} {{ function }}({{ value }}) ignore nulls {%- endmacro %}
{% macro duckdb__known(function, value) -%} {{ function }}({{ value }} ignore nulls) {%- endmacro %}

{# Whether a condition holds for any row of a group. #}
{% macro any_true(condition) -%} {{ return(adapter.dispatch('any_true')(condition)) }} {%- endmacro %}
{% macro default__any_true(condition) -%} bool_or({{ condition }}) {%- endmacro %}

{# The texts of a group as one, in their own order or that of another value; `distinct` names each of them once. #}
{% macro joined_texts(value, separator, by=none, distinct=false) -%}
    {{ return(adapter.dispatch('joined_texts')(value, separator, by or value, distinct)) }}
{%- endmacro %}
{% macro default__joined_texts(value, separator, by, distinct) -%}
    {%- if distinct -%}
        nullif(array_join(array_sort(collect_set({{ value }})), '{{ separator }}'), '')
    {%- else -%}
        nullif(
            array_join(
                transform(
                    array_sort(collect_list(case when {{ value }} is not null then struct({{ by }} as place, {{ value }} as part) end)),
                    pair -> pair.part
                ),
                '{{ separator }}'
            ),
            ''
        )
    {%- endif -%}
{%- endmacro %}
{% macro duckdb__joined_texts(value, separator, by, distinct) -%}
    string_agg({{ 'distinct ' if distinct }}{{ value }}, '{{ separator }}' order by {{ by }} asc)
{%- endmacro %}

{# A list of these words. #}
{% macro words(values) -%} {{ return(adapter.dispatch('words')(values)) }} {%- endmacro %}
{% macro default__words(values) -%}
    array({% for value in values %}'{{ value }}'{{ '' if loop.last else ', ' }}{% endfor %})
{%- endmacro %}
{% macro duckdb__words(values) -%}
    [{% for value in values %}'{{ value }}'{{ '' if loop.last else ', ' }}{% endfor %}]
{%- endmacro %}

{# One row for each value of a list, in two columns: its place from 0, and the value. #}
{% macro each_placed(values, place, value) -%}
    {{ return(adapter.dispatch('each_placed')(values, place, value)) }}
{%- endmacro %}
{% macro default__each_placed(values, place, value) -%} posexplode({{ values }}) as ({{ place }}, {{ value }}) {%- endmacro %}
{% macro duckdb__each_placed(values, place, value) -%}
    unnest(range(len({{ values }}))) as {{ place }},
    unnest({{ values }}) as {{ value }}
{%- endmacro %}
