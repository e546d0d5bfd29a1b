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
