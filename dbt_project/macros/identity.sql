{# An e-mail address, lower case; null where it is none. #}
{% macro email_address(column) -%}
    case when position('@' in {{ column }}) > 1 then lower(trim({{ column }})) end
{%- endmacro %}

{# The domain of an e-mail address in lower case. #}
{% macro email_domain(email) -%} nullif(regexp_replace({{ email }}, '^.*@', ''), '') {%- endmacro %}

{# The domain of a website's address, without scheme, `www.` and path. #}
{% macro website_domain(website) -%}
    nullif(
        regexp_replace(regexp_replace(lower(trim({{ website }})), '^([a-z]+://)?(www[.])?', ''), '[/:?#].*$', ''), ''
    )
{%- endmacro %}

{#
    Follow merges to the record that is left: a loser's master can itself have been merged away. Five steps are enough
    for people; what is left after them is the furthest master known.
    `merges` has object, loser_id and master_id. Yields loser_id and master_id.
#}
{% macro final_masters(merges, object_name) -%}
    select distinct
        step_1.loser_id,
        coalesce(step_5.master_id, step_4.master_id, step_3.master_id, step_2.master_id, step_1.master_id) as master_id
    from {{ merges }} as step_1
    {%- for step in range(2, 6) %}
    left join {{ merges }} as step_{{ step }}
        on
            step_{{ step - 1 }}.master_id = step_{{ step }}.loser_id
            and step_{{ step }}.object = '{{ object_name }}'
    {%- endfor %}
    where step_1.object = '{{ object_name }}'
{%- endmacro %}
