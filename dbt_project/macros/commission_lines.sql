{# The id of a commission line: a hash of what it is, never of its amount, so that it stays when the amount changes. #}
{% macro commission_line_id() -%}
    md5(concat_ws(
        '|'{% for part in varargs %}, coalesce(cast({{ part }} as {{ text_type() }}), ''){% endfor %}
    ))
{%- endmacro %}

{# Whether a line is of a loss: it takes from what another movement earned. The ledger tells it likewise. #}
{% macro takes_back(line) -%}
    ({{ line }}.corrects_line_id is not null or {{ line }}.movement_kind not in ('payment', 'deal'))
{%- endmacro %}

{# A day's month as text, YYYY-MM. #}
{% macro month_text(day) -%} left(cast({{ day }} as {{ text_type() }}), 7) {%- endmacro %}

{#
    The key of a base, a number: the movement, the payment's position in it and the partner's in the order, of which there
    are below ten thousand each. A number of the row itself would have to be counted, which one thread does alone.
#}
{% macro base_key(movement_key, part_number, partner_number) -%}
    ({{ movement_key }} * 10000 + {{ part_number }}) * 10000 + {{ partner_number }}
{%- endmacro %}
