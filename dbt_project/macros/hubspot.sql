{#
    The one record that each record of HubSpot's is associated with: the primary one, where one is marked.
    All associations land together. A load of one row of no records ('0') says that there are none.
    `relation` is what landed. Yields the two ids under the given names, one row for each `from_id`.
#}
{% macro primary_associations(relation, from_name, to_name) -%}
    with

    typed as (

        select
            {{ text('from_id') }} as {{ from_name }},
            {{ text('to_id') }} as {{ to_name }},
            case when lower(association_type) like '%primary%' then 1 else 0 end as primary_first,
            _load_id,
            _loaded_at,
            _row
        from {{ relation }}

    ),

    newest as (

        {{ newest_load('typed') }}

    ),

    versions as (

        {{ latest_by_key('newest', from_name, version='primary_first', deleted=none) }}

    )

    select
        {{ from_name }},
        {{ to_name }}
    from versions
    where {{ from_name }} <> '0'
{%- endmacro %}
