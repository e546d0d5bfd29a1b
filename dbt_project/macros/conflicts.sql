{#
    Records of `int_<object>` whose `field` names a record that `int_<target>` does not have. The record is kept: nothing
    is lost when the other one comes later, and until then the reference leads nowhere.
#}
{% macro missing_reference(object, key, field, target, source='source') -%}
    select
        referring.{{ source }} as source,
        '{{ object }}' as object,
        referring.{{ key }} as record_key,
        referring._load_id,
        referring._file,
        referring._row,
        '{{ field }}' as field,
        'there is no {{ field[:-3] }} ' || referring.{{ field }} as reason
    from {{ ref('int_' ~ object) }} as referring
    left join {{ ref('int_' ~ target) }} as referred on referring.{{ field }} = referred.{{ field }}
    where
        referring.{{ field }} is not null
        and referred.{{ field }} is null
{%- endmacro %}

{# Which record it is, and where it lies. What it is in its source is `object`, an SQL expression, as its `key` is. #}
{% macro record_set_aside(object, key) -%}
        source,
        {{ object }} as object,
        {{ key }} as record_key,
        _load_id,
        _file,
        _row
{%- endmacro %}

{# Records of a model that were set aside. #}
{% macro set_aside_records(model, object, key) -%}
    select
        {{ record_set_aside(object, key) }},
        set_aside_field as field,
        set_aside_reason as reason
    from {{ ref(model) }}
    where set_aside_reason is not null
{%- endmacro %}

{# Money movements of 0 in a CTE: they change nothing, and nothing else tells of them. #}
{% macro amounts_of_zero(movements, object, key) -%}
    select
        {{ record_set_aside(object, key) }},
        'amount' as field,
        'it is of 0: nothing is earned or taken back by it' as reason
    from {{ movements }}
    where amount = 0
{%- endmacro %}

{#
    Invoices whose lines together are no money: what is paid on them or taken off them is set aside, as it would else stop
    the build for all. Lines below a million, of which it took a million, are left out of the sum, for their number.
#}
{% macro oversized_invoices() -%}
    select
        invoice_id,
        sum(abs(net) + abs(coalesce(tax, 0))) as amount
    from {{ ref('int_invoice_lines') }}
    where abs(net) + abs(coalesce(tax, 0)) >= {{ 10 ** 6 }}
    group by invoice_id
    having sum(abs(net) + abs(coalesce(tax, 0))) >= {{ 999 * 10 ** 12 }}
{%- endmacro %}
