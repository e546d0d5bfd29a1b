{# The id of a commission line: a hash of what it is, never of its amount, so that it stays when the amount changes. #}
{% macro commission_line_id() -%}
    md5(concat_ws(
        '|'{% for part in varargs %}, coalesce(cast({{ part }} as varchar), ''){% endfor %}
    ))
{%- endmacro %}

{# A day's month as text, YYYY-MM. #}
{% macro month_text(day) -%} left(cast({{ day }} as varchar), 7) {%- endmacro %}
