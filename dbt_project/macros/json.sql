{# JSON as text, and the few things that models take from it. Paths are written as in `$.parent.type`. #}

{# The text at a path; null where there is none. #}
{% macro json_text(document, path) -%} {{ return(adapter.dispatch('json_text')(document, path)) }} {%- endmacro %}
{% macro default__json_text(document, path) -%} get_json_object({{ document }}, '{{ path }}') {%- endmacro %}
{% macro duckdb__json_text(document, path) -%} json_extract_string({{ document }}, '{{ path }}') {%- endmacro %}

{# The integer at a path; null where there is none or it is not a number. #}
{% macro json_integer(document, path) -%} {{ return(adapter.dispatch('json_integer')(document, path)) }} {%- endmacro %}
{% macro default__json_integer(document, path) -%} try_cast({{ json_text(document, path) }} as bigint) {%- endmacro %}

{# Each element of the array at a path, as JSON text: one row each. No row where there is no array. #}
{% macro json_elements(document, path) -%} {{ return(adapter.dispatch('json_elements')(document, path)) }} {%- endmacro %}
{% macro default__json_elements(document, path) -%}
    explode(from_json(get_json_object({{ document }}, '{{ path }}'), 'array<string>'))
{%- endmacro %}
{% macro duckdb__json_elements(document, path) -%}
    unnest(cast(json_extract({{ document }}, '{{ path }}[*]') as varchar[]))
{%- endmacro %}

{# Each field of an object of whole numbers: one row each, in two columns, its name and its number. #}
{% macro json_counts(document, field, number) -%}
    {{ return(adapter.dispatch('json_counts')(document, field, number)) }}
{%- endmacro %}
{% macro default__json_counts(document, field, number) -%}
    explode(from_json({{ document }}, 'map<string, bigint>')) as ({{ field }}, {{ number }})
{%- endmacro %}
{% macro duckdb__json_counts(document, field, number) -%}
    unnest(json_keys({{ document }})) as {{ field }},
    cast(unnest(json_extract({{ document }}, '$.*')) as bigint) as {{ number }}
{%- endmacro %}

{# Each part of a text that `separator` divides: one row each. #}
{% macro text_parts(column, separator) -%} {{ return(adapter.dispatch('text_parts')(column, separator)) }} {%- endmacro %}
{% macro default__text_parts(column, separator) -%} explode(split({{ column }}, '{{ separator }}')) {%- endmacro %}
{% macro duckdb__text_parts(column, separator) -%}
    unnest(string_split({{ column }}, '{{ separator }}'))
{%- endmacro %}

{#
    The sum of an integer field over the array at a path, or over those elements whose `filter_field` is `filter_value`;
    null where there is no such element.
#}
{% macro json_total(document, path, field, filter_field=none, filter_value=none) -%}
    {{ return(adapter.dispatch('json_total')(document, path, field, filter_field, filter_value)) }}
{%- endmacro %}
{% macro default__json_total(document, path, field, filter_field, filter_value) -%}
    aggregate(
        filter(
            from_json(get_json_object({{ document }}, '{{ path }}'), 'array<string>'),
            element -> {% if filter_field %}get_json_object(element, '$.{{ filter_field }}') = '{{ filter_value }}'{% else %}true{% endif %}
        ),
        cast(null as bigint),
        (total, element) -> coalesce(total, 0) + cast(get_json_object(element, '$.{{ field }}') as bigint)
    )
{%- endmacro %}
{% macro duckdb__json_total(document, path, field, filter_field, filter_value) -%}
    cast(list_sum(list_transform(
        {% if filter_field -%}
        list_filter(
            json_extract({{ document }}, '{{ path }}[*]'),
            lambda element: json_extract_string(element, '$.{{ filter_field }}') = '{{ filter_value }}'
        )
        {%- else -%}
        json_extract({{ document }}, '{{ path }}[*]')
        {%- endif %},
        lambda element: try_cast(json_extract_string(element, '$.{{ field }}') as bigint)
    )) as bigint)
{%- endmacro %}

{# The different texts of a group, in their order, as a JSON array. #}
{% macro texts_as_json(column) -%} {{ return(adapter.dispatch('texts_as_json')(column)) }} {%- endmacro %}
{% macro default__texts_as_json(column) -%} to_json(array_sort(collect_set({{ column }}))) {%- endmacro %}
{% macro duckdb__texts_as_json(column) -%}
    cast(to_json(list(distinct {{ column }} order by {{ column }})) as varchar)
{%- endmacro %}
